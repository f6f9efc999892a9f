import { afterEach, beforeEach } from 'vitest';
import type { PolicyClient, PolicyClientOptions } from '../../../policy-client/index.ts';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { clientOf, ROUTE } from './policy-client.ts';
import { until } from '../until.ts';

/** A fake control plane for each test, with one route, and clients of it that end with the test. */
export interface LinkedClients {
  readonly plane: FakeControlPlane;
  startClient(changes?: Partial<PolicyClientOptions>): Promise<PolicyClient>;
  readyClient(changes?: Partial<PolicyClientOptions>): Promise<PolicyClient>;
  /** Stops the control plane, and waits until the client has seen it. */
  goAway(client: PolicyClient): Promise<void>;
}

export function useLinkedClients(): LinkedClients {
  let plane: FakeControlPlane;
  const clients: PolicyClient[] = [];

  beforeEach(async () => {
    plane = new FakeControlPlane();
    plane.snapshot = { routes: [ROUTE] };
    await plane.start();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close(0)));
    plane.stop();
  });

  async function startClient(changes: Partial<PolicyClientOptions> = {}): Promise<PolicyClient> {
    const client = clientOf(plane, changes);
    clients.push(client);
    await client.start();
    return client;
  }

  return {
    get plane() {
      return plane;
    },
    startClient,
    async readyClient(changes) {
      const client = await startClient(changes);
      await client.ready;
      return client;
    },
    async goAway(client) {
      plane.stop();
      await until('the link dropped', () => !client.connected);
    },
  };
}
