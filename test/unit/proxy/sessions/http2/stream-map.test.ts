import { describe, expect, it } from 'vitest';
import { StreamMap } from '../../../../../proxy/sessions/http2/stream-map.ts';
import { seededRandom } from '../../../../support/random.ts';

const both = () => ({ streams: new StreamMap<string>(), map: new Map<number, string>() });

function expectAlike({ streams, map }: ReturnType<typeof both>): void {
  expect(streams.size).toBe(map.size);
  expect(streams.values()).toEqual([...map].sort(([a], [b]) => a - b).map(([, stream]) => stream));
}

describe('streams by identifier', () => {
  it('come and go as in a map, with growing identifiers', () => {
    const random = seededRandom(2);
    const { streams, map } = both();
    for (let id = 1; id < 2_000; id += 2) {
      streams.set(id, `stream ${id}`);
      map.set(id, `stream ${id}`);
      while (random.below(2) === 0 && map.size > 0) {
        const gone = random.pick([...map.keys()]);
        expect(streams.get(gone)).toBe(map.get(gone));
        expect(streams.delete(gone)).toBe(map.delete(gone));
        expect(streams.delete(gone)).toBe(false);
      }
      expectAlike({ streams, map });
    }
  });

  it('come and go as in a map, in any order', () => {
    const random = seededRandom(3);
    const { streams, map } = both();
    for (let step = 0; step < 2_000; step += 1) {
      const id = 1 + random.below(40);
      if (random.below(2) === 0) {
        streams.set(id, `${step}`);
        map.set(id, `${step}`);
      } else expect(streams.delete(id)).toBe(map.delete(id));
      expect(streams.get(id)).toBe(map.get(id));
      expectAlike({ streams, map });
    }
  });

  it('are a copy when asked for all, and none once cleared', () => {
    const streams = new StreamMap<string>();
    streams.set(1, 'one');
    const before = streams.values();
    streams.clear();
    expect(before).toEqual(['one']);
    expect([streams.size, streams.get(1), streams.delete(1)]).toEqual([0, undefined, false]);
  });
});
