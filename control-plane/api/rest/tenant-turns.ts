import { finished } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Shares } from '../../../common/shares.ts';
import { accessOf, REVOCATIONS_PATH } from './access.ts';
import { RestError } from './problem.ts';

/** Calls of the administrators of one tenant that are worked on at once: each may hold megabytes, and the one thread for a second. */
const MAX_OF_TENANT = 4;

/**
 * Has the calls of a tenant's own administrators wait for each other, before their bodies are read, so that those of others, and
 * proxies, come in between. Not those of administrators of all tenants, nor revocations, which are short.
 */
export function takeTurns(app: FastifyInstance): void {
  const shares = new Shares(MAX_OF_TENANT);
  const leaves = new WeakMap<FastifyRequest, () => void>();
  app.addHook('onRequest', async (request, reply) => {
    const { admin, tenant } = accessOf(request);
    if (admin.tenants === '*' || isRevocation(request)) return;
    await shares.enter(tenant);
    // Its body would never come to an end.
    if (reply.raw.destroyed) {
      shares.leave(tenant);
      throw new RestError(400, 'bad-request', 'The caller has gone.');
    }
    // Until it is answered and that has been taken, or its caller has gone: whichever comes last.
    let left = 2;
    const leave = (): void => {
      left -= 1;
      if (left === 0) shares.leave(tenant);
    };
    leaves.set(request, leave);
    finished(reply.raw, leave);
  });
  app.addHook('onSend', async (request, _reply, payload) => {
    const leave = leaves.get(request);
    if (leave === undefined) return;
    leaves.delete(request);
    leave();
    // What goes on without an end has bounds of its own.
    if (isStream(payload)) leave();
  });
}

function isRevocation({ method, routeOptions }: FastifyRequest): boolean {
  return method !== 'GET' && routeOptions.url?.startsWith(REVOCATIONS_PATH) === true;
}

function isStream(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload;
}
