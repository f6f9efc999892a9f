import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Connection, failureReason } from '../../../policy-client/connection.ts';
import type { PolicyClient } from '../../../policy-client/index.ts';
import { ProofMaker } from '../../../policy-client/attest/proof.ts';
import { ProxyServiceService, type WatchRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { clientOf } from '../../support/policy-client/policy-client.ts';

let plane: FakeControlPlane;
let client: PolicyClient;
let thief: Connection;

beforeEach(async () => {
  plane = new FakeControlPlane();
  await plane.start();
  client = clientOf(plane);
  await client.start();
  await client.ready;
  thief = new Connection({ address: plane.address, caPem: plane.caPem });
  await thief.load();
});

afterEach(async () => {
  thief.reset();
  await client.close(0);
  plane.stop();
});

/** Watches with this metadata; gives the error that ends it. */
function watch(entries: Record<string, string>): Promise<ServiceError> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  const request: WatchRequest = { knownVersion: 0 };
  return new Promise((resolve, reject) => {
    const call = thief.client.watch(request, metadata);
    call.on('error', (error) => resolve(error as ServiceError));
    call.on('data', () => reject(new Error('the thief was let in')));
  });
}

it("a session token is useless without the proxy's key", async () => {
  const [token = ''] = plane.sessions.keys();
  const authorization = `DPoP ${token}`;
  const path = ProxyServiceService.watch.path;
  const own = new ProofMaker();
  const attempts = [
    { authorization },
    { authorization, dpop: own.make(path, token, Date.now()) },
    { authorization: `Bearer ${token}`, dpop: own.make(path, token, Date.now()) },
  ];
  for (const entries of attempts) {
    const error = await watch(entries);
    expect(error.code).toBe(status.UNAUTHENTICATED);
    expect(failureReason(error)).toBe('session-invalid');
  }
});
