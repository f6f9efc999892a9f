import { expect, test } from 'vitest';
import type { RequestDestination } from '../../../../../proxy/http/request/destination.ts';
import { assertServing, findRoute } from '../../../../../proxy/http/request/routing.ts';
import type { ProxyServices } from '../../../../../proxy/http/services.ts';
import type { Reason } from '../../../../../proto/reasons.ts';

interface Situation {
  readonly draining?: boolean;
  readonly ready?: boolean;
  readonly hasRoom?: boolean;
  readonly lastFailure?: Reason;
  readonly unrouted?: ProxyServices['unrouted'];
  readonly scheme?: 'http' | 'https';
  readonly prepared?: { readonly plaintextAllowed: boolean; readonly route: object | undefined };
}

const CALLS = 3;
const SAFE = { plaintextAllowed: false, route: { injectsCredential: true } };

function servicesIn({ draining, ready, hasRoom, lastFailure, unrouted, prepared }: Situation): ProxyServices {
  const client = {
    hasRoomBeside: (calls: number) => calls === CALLS && (hasRoom ?? true),
    stats: () => ({ lastFailure }),
  };
  const found = (host: string, port: number) => (host === 'api.test' && port === 80 ? prepared : undefined);
  return {
    client,
    live: { size: CALLS },
    state: { draining: draining ?? false, ready: ready ?? true },
    routes: { find: found },
    unrouted: unrouted ?? 'deny',
  } as unknown as ProxyServices;
}

const told = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { reason: Reason }).reason;
  }
};

test.each<[Situation, Reason | undefined]>([
  [{}, undefined],
  [{ lastFailure: 'trust-insufficient' }, undefined],
  [{ draining: true, hasRoom: false, ready: false }, 'draining'],
  [{ hasRoom: false }, 'overloaded'],
  [{ hasRoom: false, ready: false }, 'overloaded'],
  [{ ready: false }, 'not-ready'],
  [{ ready: false, lastFailure: 'control-plane-unavailable' }, 'not-ready'],
  [{ ready: false, lastFailure: 'trust-insufficient' }, 'trust-insufficient'],
])('a proxy that is %j begins calls or says: %s', (situation, reason) => {
  expect(told(() => assertServing(servicesIn(situation)))).toBe(reason);
  const prepared = { ...SAFE };
  const route = findIn({ ...situation, prepared, scheme: 'https' });
  expect(route).toBe(reason ?? prepared);
});

function findIn(situation: Situation): unknown {
  const { scheme = 'http' } = situation;
  const destination = { scheme, host: 'api.test', port: 80, authority: 'api.test' } as RequestDestination;
  return told(() => findRoute(servicesIn(situation), destination));
}

test.each<[what: string, Situation, Reason | 'found' | undefined]>([
  ['without a route', {}, 'no-route'],
  ['that may pass without', { unrouted: 'tunnel' }, undefined],
  ['that is only watched', { unrouted: 'observe' }, undefined],
  ['with a credential, over TLS', { scheme: 'https', prepared: SAFE }, 'found'],
  ['with a credential, in cleartext', { prepared: SAFE }, 'cleartext-refused'],
  ['with a credential, in cleartext, which may be', { prepared: { ...SAFE, plaintextAllowed: true } }, 'found'],
  ['without a credential, in cleartext', { prepared: { ...SAFE, route: { injectsCredential: false } } }, 'found'],
  ['of no policy, in cleartext', { prepared: { ...SAFE, route: undefined } }, 'found'],
])('a call %s', (_what, situation, expected) => {
  expect(findIn(situation)).toBe(expected === 'found' ? situation.prepared : expected);
});
