import { expect, it } from 'vitest';
import { Shares } from '../../../common/shares.ts';

/** Tasks that note that they began, and end when they are told to, by failing where asked. */
function tasks(shares: Shares) {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const run = (tenant: string, name: string): Promise<string> =>
    shares.run(tenant, () => {
      begun.push(name);
      return new Promise((resolve, reject) => {
        ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
      });
    });
  return { begun, run, end: (name: string, error?: Error) => ends.get(name)?.(error) };
}

it('begins so many of one tenant, the others as these end, in their order', async () => {
  const { begun, end, run } = tasks(new Shares(2));
  const all = ['a', 'b', 'c', 'd'].map((name) => run('acme', name));
  await expect.poll(() => begun).toEqual(['a', 'b']);
  end('b');
  expect(await all[1]).toBe('b');
  await expect.poll(() => begun).toEqual(['a', 'b', 'c']);
  end('a');
  await expect.poll(() => begun).toEqual(['a', 'b', 'c', 'd']);
  for (const name of ['c', 'd']) end(name);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

it('has nobody wait for another tenant', async () => {
  const { begun, end, run } = tasks(new Shares(1));
  const all = ['a', 'b', 'c'].map((name) => run('acme', name));
  const other = run('globex', 'x');
  await expect.poll(() => begun).toEqual(['a', 'x']);
  end('x');
  expect(await other).toBe('x');
  for (const name of ['a', 'b', 'c']) {
    await expect.poll(() => begun).toContain(name);
    end(name);
  }
  await Promise.all(all);
});

it('goes on after a task that fails, and counts no place twice', async () => {
  const { begun, end, run } = tasks(new Shares(1));
  const [failing, next] = [run('acme', 'a'), run('acme', 'b')];
  await expect.poll(() => begun).toEqual(['a']);
  end('a', new Error('no'));
  await expect(failing).rejects.toThrow('no');
  await expect.poll(() => begun).toEqual(['a', 'b']);
  end('b');
  await next;
  const more = ['c', 'd'].map((name) => run('acme', name));
  await expect.poll(() => begun).toEqual(['a', 'b', 'c']);
  for (const name of ['c', 'd']) {
    await expect.poll(() => begun).toContain(name);
    end(name);
  }
  await Promise.all(more);
});

it('lets nobody wait for longer than he will, and holds no place for who has gone', async () => {
  const shares = new Shares(1);
  const patience = { ms: 20, refusal: () => new Error('enough') };
  await shares.enter('acme');
  const later = shares.enter('acme');
  const gone = shares.enter('acme', patience);
  expect(shares.waiting).toBe(2);
  await expect(gone).rejects.toThrow('enough');
  expect(shares.waiting).toBe(1);
  shares.leave('acme');
  await later;
  expect(shares.waiting).toBe(0);
  shares.leave('acme');
  await shares.enter('acme', patience);
});
