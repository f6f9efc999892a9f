import { describe, expect, it } from 'vitest';
import { Roster, type Rostered } from '../../../common/roster.ts';
import { seededRandom } from '../../support/random.ts';

class Member implements Rostered {
  seat = -1;
  readonly name: number;

  constructor(name: number) {
    this.name = name;
  }
}

const names = (members: Iterable<Member>) => [...members].map(({ name }) => name).sort((a, b) => a - b);

describe('a roster', () => {
  it('holds what a set of the same history holds', () => {
    const random = seededRandom(1);
    const roster = new Roster<Member>();
    const set = new Set<Member>();
    const all = Array.from({ length: 20 }, (_, name) => new Member(name));
    for (let step = 0; step < 2_000; step += 1) {
      const member = random.pick(all);
      if (random.below(2) === 0) {
        roster.add(member);
        set.add(member);
      } else expect(roster.delete(member)).toBe(set.delete(member));
      expect(roster.size).toBe(set.size);
      expect(names(roster)).toEqual(names(set));
    }
  });

  it('tells members apart that have the same seat in another', () => {
    const [one, other] = [new Roster<Member>(), new Roster<Member>()];
    const member = new Member(1);
    one.add(member);
    other.add(new Member(2));
    expect(other.delete(member)).toBe(false);
    expect(names(one)).toEqual([1]);
  });

  it('is gone through without those that go meanwhile, and without those that come', () => {
    const roster = new Roster<Member>();
    const all = Array.from({ length: 6 }, (_, name) => new Member(name));
    for (const member of all) roster.add(member);
    const seen: number[] = [];
    for (const { name } of roster) {
      seen.push(name);
      for (const gone of [name, (name + 1) % 6, 5]) {
        const member = all[gone];
        if (member !== undefined) roster.delete(member);
      }
      roster.add(new Member(6 + name));
    }
    expect(seen).toEqual([0, 2, 4]);
    expect(names(roster)).toEqual([6, 8, 10]);
  });

  it('is emptied at once, and its members may come again', () => {
    const roster = new Roster<Member>();
    const member = new Member(1);
    roster.add(member);
    roster.add(new Member(2));
    expect(names(roster.takeAll())).toEqual([1, 2]);
    expect(roster.size).toBe(0);
    expect(roster.delete(member)).toBe(false);
    roster.add(member);
    expect(names(roster)).toEqual([1]);
  });
});
