import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { listenFailed } from '../../../common/errors.ts';
import type { Secret } from '../../../common/secret.ts';
import { requireAdmin } from './access.ts';
import { addDecisionRoutes } from './decisions.ts';
import { describeAnswers } from './answers.ts';
import type { RestDependencies } from './dependencies.ts';
import { addOperationRoutes, addPublicRoutes } from './operations.ts';
import { addPlaceholderRoutes } from './placeholders.ts';
import { PROBLEM_TYPE, problemOf, RestError } from './problem.ts';
import { addResourceRoutes } from './resources.ts';
import { addRevocationRoutes } from './revocations.ts';
import { takeTurns } from './tenant-turns.ts';
import { formatAuthority, type Authority } from '../../../common/net/host.ts';

/** A server certificate chain and its key, both PEM. */
export interface TlsIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
}

export interface RestServer {
  /** Where it listens: `https://host:port`. */
  readonly url: string;
  /** This certificate, from the next connection on. */
  present(tls: TlsIdentity): void;
  /** Ends streams, lets calls in flight finish, and closes. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 8_388_608;
const REQUEST_TIMEOUT_MS = 30_000;

/** Starts the REST API over TLS; there is no cleartext variant. */
export async function startRestServer(
  dependencies: RestDependencies,
  listen: Authority & { readonly tls: TlsIdentity },
): Promise<RestServer> {
  const app = await buildRestApp(dependencies, listen.tls);
  const server = app.server as unknown as HttpsServer;
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (cause) {
    throw listenFailed(formatAuthority(listen.host, listen.port), cause);
  }
  const address = server.address() as AddressInfo;
  return {
    url: `https://${formatAuthority(address.address, address.port)}`,
    present: (tls) => server.setSecureContext(contextOf(tls)),
    close: () => app.close(),
  };
}

/** The application without a socket of its own; tests without TLS use `inject`. */
export async function buildRestApp(dependencies: RestDependencies, tls?: TlsIdentity): Promise<FastifyInstance> {
  const app = createApp(tls);
  app.setErrorHandler(async (error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) dependencies.onError(error);
    await reply.status(problem.status).type(PROBLEM_TYPE).send(problem);
  });
  app.setNotFoundHandler(async () => {
    throw new RestError(404, 'not-found', 'No such path or method.');
  });
  await app.register(swagger, { openapi: OPENAPI });
  await app.register(async (open) => addPublicRoutes(open, dependencies));
  await app.register(async (guarded) => {
    requireAdmin(guarded, dependencies);
    takeTurns(guarded);
    addResourceRoutes(guarded, dependencies);
    addDecisionRoutes(guarded, dependencies);
    addRevocationRoutes(guarded, dependencies);
    addOperationRoutes(guarded, dependencies);
    addPlaceholderRoutes(guarded, dependencies);
  });
  let described = {};
  app.get('/openapi.json', { schema: { hide: true } }, async () => described);
  await app.ready();
  described = describeAnswers(app.swagger());
  return app;
}

const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Sidekey control plane',
    description: 'What people and tools administer Sidekey with. Secrets go in and never come out.',
    version: 'v1',
  },
  components: {
    securitySchemes: {
      admin: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'Bootstrap token, or an OpenID token of an administrator.',
      },
    },
  },
};

function createApp(tls: TlsIdentity | undefined): FastifyInstance {
  const options = {
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    logger: false,
    exposeHeadRoutes: false,
    ajv: { customOptions: { removeAdditional: false } },
  } as const;
  if (tls === undefined) return fastify(options);
  return fastify({ ...options, https: contextOf(tls) }) as unknown as FastifyInstance;
}

function contextOf({ certificatePem, privateKeyPem }: TlsIdentity): SecureContextOptions {
  return { cert: certificatePem, key: privateKeyPem.reveal(), minVersion: 'TLSv1.2' };
}
