import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { DecisionFilter } from '../../audit/query-decisions.ts';
import { accessOf } from './access.ts';
import type { DecisionReader, RestDependencies } from './dependencies.ts';
import { RestError } from './problem.ts';
import { decisionQuery, verifyBody, verifyQuery } from './schemas.ts';

interface Query extends Omit<DecisionFilter, 'since' | 'until'> {
  readonly since?: string;
  readonly until?: string;
  readonly after?: number;
  readonly limit: number;
  readonly follow: boolean;
}

const HEARTBEAT_MS = 15_000;
/** A reader that lets this much pile up is cut off; it can come back with `after`. */
const MAX_PENDING_BYTES = 8_388_608;
/** Of one tenant: each reads the store for every decision. The oldest is cut off; it can come back with `after` too. */
const MAX_FOLLOWERS = 64;

export function addDecisionRoutes(
  app: FastifyInstance,
  { clock, decisions }: Pick<RestDependencies, 'clock' | 'decisions'>,
): void {
  const open = new Map<PassThrough, string>();
  app.addHook('preClose', async () => {
    for (const stream of open.keys()) stream.end();
  });

  app.get<{ Querystring: Query }>(
    '/v1/decisions',
    { schema: { summary: 'Read or follow the decision log', querystring: decisionQuery } },
    async (request, reply) => {
      const { admin, tenant } = accessOf(request);
      const { since, until, after, limit, follow, ...rest } = request.query;
      const filter: DecisionFilter = {
        ...rest,
        since: readTime(since),
        until: readTime(until),
      };
      if (!follow) return { decisions: await decisions.query(tenant, filter, { after, limit }) };
      const isOver = (): boolean => clock.now() >= admin.notAfter;
      const stream = await followAsLines(isOver, (write) => decisions.follow(tenant, filter, after, write));
      open.set(stream, tenant);
      stream.once('close', () => open.delete(stream));
      const followers = [...open].filter(([, of]) => of === tenant);
      if (followers.length > MAX_FOLLOWERS) followers[0]?.[0].destroy();
      return reply.type('application/x-ndjson').send(stream);
    },
  );
  app.get<{ Querystring: { instance?: string } }>(
    '/v1/verify-log',
    { schema: { summary: 'Prove the chains of the log', querystring: verifyQuery } },
    async (request) => verifyLog(decisions, accessOf(request).tenant, request.query),
  );
  app.post<{ Body: { checkpoint: string } }>(
    '/v1/verify-log',
    { schema: { summary: 'Prove the log against a checkpoint that was kept elsewhere', body: verifyBody } },
    async (request) => verifyLog(decisions, accessOf(request).tenant, request.body),
  );
}

/** Nothing was decided before the epoch, and not all years before it can be stored. */
function readTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new RestError(400, 'bad-request', `"${text}" is not a time that can be asked for.`);
  return new Date(Math.max(atMs, 0));
}

async function verifyLog(
  decisions: DecisionReader,
  tenant: string,
  { instance, checkpoint }: { readonly instance?: string; readonly checkpoint?: string },
): Promise<object> {
  const reports = await decisions.verify(tenant, instance);
  const { count, fault, latest, sealed } = await decisions.verifyCheckpoints(tenant, checkpoint);
  const chains = reports.map((chain) => ({ ...chain, sealed: sealed.get(chain.instanceId) ?? 0 }));
  const ok = fault === undefined && chains.every((chain) => chain.fault === undefined);
  return { ok, chains, checkpoints: { count, latest, fault } };
}

/** One JSON object a line; an empty line now and then shows that the connection lives. Nothing once the reader's token is over. */
async function followAsLines(
  isOver: () => boolean,
  follow: (onEntries: (entries: readonly object[]) => void) => Promise<() => Promise<void>>,
): Promise<PassThrough> {
  const stream = new PassThrough();
  stream.on('error', () => stream.destroy());
  const write = (text: string): void => {
    if (stream.writableEnded || stream.destroyed) return;
    if (isOver()) return void stream.end();
    stream.write(text);
    if (stream.writableLength + stream.readableLength > MAX_PENDING_BYTES) stream.destroy();
  };
  const stop = await follow((entries) => {
    for (const entry of entries) write(`${JSON.stringify(entry)}\n`);
  });
  const heartbeat = setInterval(() => write('\n'), HEARTBEAT_MS);
  stream.once('close', () => {
    clearInterval(heartbeat);
    stop().catch(() => undefined);
  });
  // The first line goes out at once, so that the reader has its headers.
  write('\n');
  return stream;
}
