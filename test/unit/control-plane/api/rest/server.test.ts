import type { FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RestDependencies } from '../../../../../control-plane/api/rest/dependencies.ts';
import { buildRestApp } from '../../../../../control-plane/api/rest/server.ts';
import { StoreUnavailable } from '../../../../../control-plane/store/sql-store.ts';
import { documents, head } from '../../../../support/control-plane/resource-documents.ts';

const unused = (): never => {
  throw new Error('not part of this test');
};

let app: FastifyInstance;
let errors: unknown[];
let revoked: unknown[];
let failure: Error | undefined;
/** What the log shows: faults of chains, and of checkpoints. */
let faults: { chains: (string | undefined)[]; checkpoints: string | undefined };

beforeEach(async () => {
  errors = [];
  revoked = [];
  failure = undefined;
  faults = { chains: [], checkpoints: undefined };
  const tenants = documents(`${head('Tenant', 'acme')} {}`);
  const dependencies = {
    authenticate: () => Promise.resolve({ subject: 'ann', tenants: ['acme'], notAfter: Infinity }),
    resources: { apply: unused, delete: unused, list: () => Promise.resolve(tenants), listTenants: unused },
    revocations: {
      revoke: (...asked: unknown[]) => {
        revoked.push(asked);
        return Promise.resolve({ id: 'r-1' });
      },
      lift: unused,
      list: unused,
    },
    sessions: { list: () => (failure === undefined ? Promise.resolve([]) : Promise.reject(failure)) },
    decisions: {
      query: unused,
      follow: unused,
      verify: () => Promise.resolve(faults.chains.map((fault, at) => ({ instanceId: `i-${at}`, count: 1, fault }))),
      verifyCheckpoints: () =>
        Promise.resolve({ count: 2, latest: 'statement', sealed: new Map([['i-1', 7]]), fault: faults.checkpoints }),
    },
    explain: unused,
    placeholders: unused,
    rotateKeys: unused,
    issuer: { discovery: () => ({}), jwks: () => ({}) },
    notReady: () => Promise.resolve(undefined),
    clock: { now: () => 5_000 },
    onError: (error: unknown) => errors.push(error),
  } as unknown as RestDependencies;
  app = await buildRestApp(dependencies);
});

const headers = { authorization: 'Bearer token', 'sidekey-tenant': 'acme' };
const get = (url: string) => app.inject({ url, headers });

describe('an error while a call is answered', () => {
  it.each([
    ['a bug', new Error('a bug with secrets'), 500, 'internal-error'],
    ['a store that is away', new StoreUnavailable('the database does not answer'), 503, 'store-unavailable'],
  ])('is told to the operator, without what the caller asked for: %s', async (_, error, status, code) => {
    failure = error;
    const answer = await get('/v1/sessions?all=true');
    expect(answer.json()).toMatchObject({ status, code });
    expect(answer.payload).not.toContain('secrets');
    expect(errors).toEqual([error]);
  });

  it('of the caller is told to the caller alone', async () => {
    expect((await get('/v1/sessions?all=perhaps')).statusCode).toBe(400);
    expect((await get('/v1/nothing')).statusCode).toBe(404);
    expect(errors).toEqual([]);
  });
});

describe('the proof of the log', () => {
  it.each([
    ['all chains and checkpoints hold', [undefined, undefined], undefined, true],
    ['there is nothing yet', [], undefined, true],
    ['one of several chains does not hold', [undefined, 'broken'], undefined, false],
    ['no chain holds', ['broken'], undefined, false],
    ['a checkpoint does not hold', [undefined], 'checkpoint 2 is missing', false],
    ['nothing holds', ['broken'], 'checkpoint 2 is missing', false],
  ])('where %s', async (_, chains, checkpoints, ok) => {
    faults = { chains, checkpoints };
    const answer = (await get('/v1/verify-log')).json<object>();
    expect(answer).toMatchObject({ ok, checkpoints: { count: 2, latest: 'statement' } });
    const sealed = [0, 7].slice(0, chains.length);
    expect(answer).toMatchObject({ chains: sealed.map((sequence) => ({ sealed: sequence })) });
  });
});

describe('a tenant as a whole', () => {
  const revoke = (name: string) =>
    app.inject({ method: 'POST', url: '/v1/revocations', headers, payload: { target: 'tenant', name, reason: 'why' } });

  it('is revoked by who names it twice', async () => {
    expect((await revoke('acme')).statusCode).toBe(201);
    expect(revoked).toEqual([['acme', { target: 'tenant', name: 'acme', reason: 'why', by: 'ann', atMs: 5_000 }]]);
  });

  it('is not by who means another', async () => {
    expect((await revoke('other')).json()).toMatchObject({ status: 400, code: 'tenant-mismatch' });
    expect(revoked).toEqual([]);
  });
});
