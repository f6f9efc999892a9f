import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Backoff } from '../../../../policy-client/backoff.ts';
import { Connection } from '../../../../policy-client/connection.ts';
import { Leftovers } from '../../../../policy-client/records/leftovers.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import { showLife } from '../../../../policy-client/records/life-sign.ts';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { FREED_AT_MS, Spool } from '../../../../policy-client/records/spool.ts';
import { decisionRecord } from '../../../support/policy-client/policy-client.ts';

const OWN = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const AGE_MS = 60_000;

let spoolDir: string;
let asked: string[];
let warned: string[];
/** The time of last life of what was claimed, while it was delivered. */
let claimedAtMs: number;
beforeEach(() => {
  warned = [];
  claimedAtMs = 0;
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-leftovers-'));
  asked = [];
});
afterEach(() => rmSync(spoolDir, { recursive: true, force: true }));

function leftovers(leftoverAgeMs = AGE_MS): Leftovers {
  return new Leftovers({
    spoolDir,
    instanceId: OWN,
    leftoverAgeMs,
    timeoutMs: 1_000,
    connection: new Connection({ address: '127.0.0.1:1' }),
    proofs: new ProofMaker(),
    newBackoff: () => new Backoff(1, 1),
    attestAs: (instanceId) => {
      asked.push(instanceId);
      claimedAtMs = statSync(join(spoolDir, `${instanceId}.${OWN}`)).mtimeMs;
      return Promise.reject(new Error('not now'));
    },
    nowMs: () => 0,
    monotonicMs: () => 0,
    log: { info: () => {}, warn: (_fields, message) => warned.push(message), error: () => {} },
  });
}

/** One record of a process that writes no more; freed when it could say so. */
function leave(name = OTHER): string {
  const dir = join(spoolDir, name);
  const queue = new RecordQueue({ instanceId: OTHER, maxMemoryBytes: 0, spool: new Spool(dir, 1e6), nowMs: () => 0 });
  queue.push(decisionRecord());
  queue.flush();
  queue.close();
  return dir;
}

/** The sign of a process that was killed. */
async function leaveSign(id: string): Promise<void> {
  const server = createServer();
  const path = join(spoolDir, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  renameSync(path, join(spoolDir, `${id}.alive`));
  await new Promise((resolve) => server.close(resolve));
}

function touch(dir: string, agoMs: number): void {
  const at = new Date(Date.now() - agoMs);
  utimesSync(dir, at, at);
}

it('claims what was freed at once, and frees it again when it cannot be delivered', async () => {
  leave();
  await leftovers().look();
  expect(readdirSync(spoolDir)).toEqual([`${OTHER}.${OWN}`]);
  // Nobody else finds it dead meanwhile.
  expect(claimedAtMs).toBeGreaterThan(FREED_AT_MS);
  expect(statSync(join(spoolDir, `${OTHER}.${OWN}`)).mtimeMs).toBe(FREED_AT_MS);
  expect(warned).toEqual(['leftover records could not be delivered']);
  const next = leftovers();
  await next.look();
  await next.look();
  expect(asked).toEqual([OTHER, OTHER, OTHER]);
});

it('claims what another claimed and freed', async () => {
  leave(`${OTHER}.33333333-3333-4333-8333-333333333333`);
  await leftovers().look();
  expect(readdirSync(spoolDir)).toEqual([`${OTHER}.${OWN}`]);
});

it('leaves alone what shows life, itself, and what is not a spool', async () => {
  touch(leave(), AGE_MS / 2);
  leave(OWN);
  mkdirSync(join(spoolDir, 'lost+found'));
  writeFileSync(join(spoolDir, 'notes'), '');
  for (const name of ['lost+found', 'notes']) touch(join(spoolDir, name), AGE_MS * 2);
  const looking = leftovers();
  await looking.look();
  await looking.look();
  expect(asked).toEqual([]);
  expect(readdirSync(spoolDir).sort()).toEqual([OWN, OTHER, 'lost+found', 'notes'].sort());
});

it('claims what shows no life any more', async () => {
  const dir = leave();
  touch(dir, AGE_MS / 2);
  const looking = leftovers();
  await looking.look();
  expect(asked).toEqual([]);
  touch(dir, AGE_MS * 2);
  // As after the machine slept: what lives has had no time to say so.
  await looking.look();
  expect(asked).toEqual([]);
  await looking.look();
  expect(asked).toEqual([OTHER]);
});

it.each([OTHER, `${OTHER}.33333333-3333-4333-8333-333333333333`])(
  'claims %s, which shows no life when it looks first',
  async (name) => {
    touch(leave(name), AGE_MS * 2);
    await leftovers().look();
    expect(asked).toEqual([OTHER]);
  },
);

it('goes on with what it has claimed before, whenever that was', async () => {
  touch(leave(`${OTHER}.${OWN}`), 0);
  await leftovers().look();
  expect(asked).toEqual([OTHER]);
});

it('asks nobody for a session when nothing is left', async () => {
  const dir = join(spoolDir, OTHER);
  mkdirSync(dir);
  touch(dir, AGE_MS * 2);
  await leftovers().look();
  expect([asked, readdirSync(spoolDir)]).toEqual([[], []]);
});

it('looks again and again until it is closed', async () => {
  leave();
  const looking = leftovers(0);
  looking.start();
  await expect.poll(() => asked.length).toBeGreaterThan(2);
  looking.close();
  await setTimeout(150);
  const { length } = asked;
  await setTimeout(300);
  expect(asked).toHaveLength(length);
});

it('survives a spool directory that is gone', async () => {
  rmSync(spoolDir, { recursive: true });
  const looking = leftovers();
  await looking.look();
  expect([asked, warned]).toEqual([[], ['no leftovers were delivered']]);
  looking.close();
  await looking.look();
  expect(warned).toHaveLength(1);
});

it('looks no more once it is closed', async () => {
  leave();
  const looking = leftovers();
  looking.close();
  looking.start();
  await looking.look();
  expect(asked).toEqual([]);
});

it('claims what was freed since the look before', async () => {
  const dir = leave();
  touch(dir, AGE_MS / 2);
  const looking = leftovers();
  await looking.look();
  expect(asked).toEqual([]);
  utimesSync(dir, new Date(FREED_AT_MS), new Date(FREED_AT_MS));
  await looking.look();
  expect(asked).toEqual([OTHER]);
});

it('leaves alone what shows no life, of a process that its sign says to live', async () => {
  touch(leave(), 2 * AGE_MS);
  const hide = await showLife(spoolDir, OTHER);
  await leftovers().look();
  expect(asked).toEqual([]);
  await hide();
  await leftovers().look();
  expect(asked).toEqual([OTHER]);
});

it('claims what was claimed by one that lives no more, and forgets signs that nobody is behind', async () => {
  const [dead, away] = ['33333333-3333-4333-8333-333333333333', '44444444-4444-4444-8444-444444444444'];
  touch(leave(`${OTHER}.${dead}`), 2 * AGE_MS);
  const [hideOwn, hideOther] = [await showLife(spoolDir, OWN), await showLife(spoolDir, OTHER)];
  for (const id of [dead, away]) await leaveSign(id);
  touch(join(spoolDir, `${away}.alive`), 9 * AGE_MS);
  for (const id of [OWN, OTHER, dead]) touch(join(spoolDir, `${id}.alive`), 11 * AGE_MS);
  await leftovers().look();
  expect(asked).toEqual([OTHER]);
  const signs = readdirSync(spoolDir).filter((name) => name.endsWith('.alive'));
  expect(signs.sort()).toEqual([OWN, OTHER, away].map((id) => `${id}.alive`).sort());
  expect(Date.now() - statSync(join(spoolDir, `${OWN}.alive`)).mtimeMs).toBeLessThan(AGE_MS);
  await hideOwn();
  await hideOther();
});

it('does without a sign where there can be none', async () => {
  const hide = await showLife(join(spoolDir, 'nowhere'), OWN);
  await hide();
  expect(readdirSync(spoolDir)).toEqual([]);
});
