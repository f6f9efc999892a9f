import { lookup as systemLookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { isIP } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { Agent, request } from 'undici';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { SidekeyError } from '../../common/errors.ts';
import { checkAddress } from '../../common/net/address-policy.ts';
import { type Cidr, parseCidr } from '../../common/net/cidr.ts';

/** A request of the control plane to an identity provider. */
export interface OutboundRequest {
  /** Whose request it is; empty: the operator's. */
  readonly tenant: string;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM certificates to trust beside the system's roots. */
  readonly ca?: string | undefined;
  /** Address ranges (CIDR) allowed although the address policy refuses them. */
  readonly allowedAddresses?: readonly string[] | undefined;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sends one request over verified TLS to a checked address. Throws OutboundError. */
export interface OutboundFetcher {
  fetch(request: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** The request could not be made; the message names the host alone. */
export class OutboundError extends SidekeyError {}

export interface HttpsFetcherOptions {
  /** Whole request, answer included; default 5,000. */
  readonly timeoutMs?: number;
  /** Default 262,144. */
  readonly maxBodyBytes?: number;
  /** Default: the system's, which takes one of few threads until it is done, however long. */
  readonly lookup?: Lookup;
}

type Lookup = (
  host: string,
  options: LookupAllOptions,
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

const MAX_AGENTS = 128;
const MAX_CONTEXTS = 64;

/**
 * The only HTTP client of identity and credential providers: https alone, no redirects, bounded answers, and every
 * resolved address checked before it is dialled, because tenants write these URLs (server-side request forgery, A-26).
 */
export function createHttpsFetcher(options: HttpsFetcherOptions = {}): OutboundFetcher {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const maxBodyBytes = options.maxBodyBytes ?? 262_144;
  const agents = new Map<string, Agent>();
  /** By authority, for all tenants: reading the whole root list costs 20 ms. */
  const contexts = new BoundedCache<string, SecureContext>(MAX_CONTEXTS);
  const lookups = new TenantLookups(options.lookup ?? systemLookup, timeoutMs);

  function contextFor(ca: string | undefined): SecureContext {
    const context = contexts.get(ca ?? '') ?? trusting(ca);
    contexts.set(ca ?? '', context);
    return context;
  }

  function agentFor(wanted: OutboundRequest): Agent {
    const allowed = wanted.allowedAddresses ?? [];
    const key = JSON.stringify([wanted.tenant, wanted.ca ?? null, allowed]);
    const held = agents.get(key);
    if (held !== undefined) return held;
    const lookup: Lookup = (host, how, done) => lookups.run(wanted.tenant, host, how, done);
    const secureContext = contextFor(wanted.ca);
    const agent = createAgent({ secureContext, allowed: allowed.map(parseCidr), timeoutMs, lookup });
    agents.set(key, agent);
    for (const [oldKey, oldest] of agents) {
      if (agents.size <= MAX_AGENTS) break;
      agents.delete(oldKey);
      oldest.close().catch(() => {});
    }
    return agent;
  }

  return {
    async fetch(wanted) {
      const url = parseUrl(wanted.url, wanted.allowedAddresses ?? []);
      try {
        const answer = await request(url, {
          method: wanted.method,
          headers: { accept: 'application/json', ...wanted.headers },
          body: wanted.body ?? null,
          dispatcher: agentFor(wanted),
          signal: AbortSignal.timeout(timeoutMs),
        });
        const body = await readBounded(answer.body, maxBodyBytes);
        return { status: answer.statusCode, body };
      } catch (cause) {
        if (cause instanceof OutboundError) throw cause;
        throw new OutboundError('outbound-failed', `cannot reach https://${url.host}`, { cause });
      }
    },
    async close() {
      const closing = [...agents.values()];
      agents.clear();
      await Promise.all(closing.map((agent) => agent.destroy()));
    },
  };
}

function parseUrl(text: string, allowed: readonly string[]): URL {
  if (!URL.canParse(text)) throw new OutboundError('outbound-url', 'the URL is malformed');
  const url = new URL(text);
  if (url.protocol !== 'https:') throw new OutboundError('outbound-url', 'the URL is not https');
  if (url.username !== '' || url.password !== '') throw new OutboundError('outbound-url', 'the URL holds credentials');
  // `lookup` is not asked for address literals, so they are checked here.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) assertAllowed(host, allowed.map(parseCidr));
  return url;
}

function assertAllowed(address: string, allowed: readonly Cidr[]): void {
  const verdict = checkAddress(address, allowed);
  if (!verdict.allowed) {
    throw new OutboundError('outbound-address', `the address is refused by the address policy (${verdict.range})`);
  }
}

/**
 * One name of a tenant at a time. The system has two threads for all lookups of this process, and one whose name server is
 * silent keeps its thread for longer than anybody waits.
 */
class TenantLookups {
  readonly #lookup: Lookup;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(lookup: Lookup, timeoutMs: number) {
    this.#lookup = lookup;
    this.#timeoutMs = timeoutMs;
  }

  run(tenant: string, host: string, options: LookupAllOptions, done: Parameters<Lookup>[2]): void {
    const givenUpAt = performance.now() + this.#timeoutMs;
    const begin = (): void => {
      if (performance.now() >= givenUpAt) {
        this.#next(tenant);
        return done(new OutboundError('outbound-dns', 'other names are looked up still'), []);
      }
      this.#lookup(host, options, (error, addresses) => {
        this.#next(tenant);
        done(error, addresses);
      });
    };
    const waiting = this.#waiting.get(tenant);
    if (waiting !== undefined) return void waiting.push(begin);
    this.#waiting.set(tenant, []);
    begin();
  }

  #next(tenant: string): void {
    const begin = this.#waiting.get(tenant)?.shift();
    if (begin === undefined) this.#waiting.delete(tenant);
    else setImmediate(begin);
  }
}

/** The system's authorities, and this one. */
function trusting(ca: string | undefined): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
}

interface AgentOptions {
  readonly secureContext: SecureContext;
  readonly allowed: readonly Cidr[];
  readonly timeoutMs: number;
  readonly lookup: Lookup;
}

function createAgent({ secureContext, allowed, timeoutMs, lookup }: AgentOptions): Agent {
  return new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: 16_384,
    connect: {
      timeout: timeoutMs,
      // Said outright: NODE_TLS_REJECT_UNAUTHORIZED=0 would have secrets sent to anybody, and anybody's keys taken.
      rejectUnauthorized: true,
      secureContext,
      lookup: (hostname, lookupOptions, done) => {
        lookup(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
          if (error !== null) return done(error, []);
          try {
            for (const { address } of addresses) assertAllowed(address, allowed);
          } catch (refusal) {
            return done(refusal as Error, []);
          }
          const [first] = addresses;
          if (first === undefined) return done(new OutboundError('outbound-dns', 'no address'), []);
          return lookupOptions.all === true ? done(null, addresses) : done(null, first.address, first.family);
        });
      },
    },
  });
}

async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new OutboundError('outbound-too-large', 'the answer is over the limit');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
