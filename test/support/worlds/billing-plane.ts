import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { AuthorizeRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { billingResources, TestCluster, TestControlPlane } from '../control-plane/control-plane.ts';
import { RawProxy } from '../agents/raw-proxy.ts';

export const QUESTION: Partial<AuthorizeRequest> = {
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  http: { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined },
};

/** A control plane with the billing resources for all tests of a file, and proxies of it that end with each test. */
export interface BillingPlane {
  readonly plane: TestControlPlane;
  readonly cluster: TestCluster;
  proxy(): RawProxy;
  attested(): Promise<RawProxy>;
  /** Closes it after the test. */
  track(one: { close(): unknown }): void;
  apply(...changed: unknown[]): Promise<{ status: number; body: unknown }>;
  revoke(target: string, name: string): Promise<unknown>;
  lift(target: string, name: string): Promise<unknown>;
}

export function useBillingPlane(): BillingPlane {
  let plane: TestControlPlane;
  let cluster: TestCluster;
  let opened: { close(): unknown }[] = [];

  beforeAll(async () => {
    cluster = new TestCluster();
    plane = await TestControlPlane.start({ heartbeatMs: 200 });
    const { status } = await plane.rest('POST', '/v1/apply', { resources: billingResources(cluster) });
    expect(status).toBe(200);
  }, 180_000);
  afterEach(async () => {
    for (const one of opened) await one.close();
    opened = [];
  });
  afterAll(async () => {
    await plane.close();
    expect(plane.errors).toEqual([]);
  });

  const proxy = (): RawProxy => {
    const one = new RawProxy(plane.running.grpcAddress, plane.running.caPem);
    opened.push(one);
    return one;
  };
  return {
    get plane() {
      return plane;
    },
    get cluster() {
      return cluster;
    },
    proxy,
    attested: async () => {
      const one = proxy();
      await one.attest(await cluster.token('prod', 'billing'));
      return one;
    },
    track: (one) => opened.push(one),
    apply: (...changed) => plane.rest('POST', '/v1/apply', { resources: changed }),
    revoke: (target, name) => plane.rest('POST', '/v1/revocations', { target, name }),
    lift: (target, name) => plane.rest('DELETE', '/v1/revocations', { target, name }),
  };
}
