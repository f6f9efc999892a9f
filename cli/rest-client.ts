import { Agent, request, type Dispatcher } from 'undici';
import { isSidekeyError, SidekeyError, UsageError } from '../common/errors.ts';
import { CommandFailed, EXIT_CODES } from './exit-codes.ts';
import type { Context } from './context.ts';

/** Longer than the control plane waits for its database (35 s), whose silence it tells by itself. */
const REQUEST_TIMEOUT_MS = 45_000;
/** Recomputing a long log takes as long as it takes, and the answer begins when it is done. */
const PATIENT_PATHS: ReadonlySet<string> = new Set(['/v1/verify-log']);

export type Method = 'GET' | 'POST' | 'DELETE';

export interface RestRequest {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
}

/** The control plane said no; `status` is its HTTP status. */
export class RestError extends SidekeyError {
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(code, message);
    this.status = status;
  }
}

/** What the control plane found wrong with one resource. */
export interface RefusedField {
  /** `Kind/name`; empty when the answer names none. */
  readonly resource: string;
  readonly field: string;
  readonly message: string;
}

/** The control plane says that the request itself is wrong: HTTP 400, or 422 with the fields that are. */
export class RequestRefused extends UsageError {
  readonly title: string;
  readonly fields: readonly RefusedField[];

  constructor(code: string, title: string, fields: readonly RefusedField[]) {
    super(code, [title, ...fields.map(formatRefused)].join('\n  '));
    this.title = title;
    this.fields = fields;
  }
}

/** `Kind/name: field: message`. */
export function formatRefused({ resource, field, message }: RefusedField): string {
  return [resource, field, message].filter((part) => part !== '').join(': ');
}

/** Speaks to the control plane's REST API as an administrator. */
export class RestClient {
  readonly #context: Context;
  readonly #agent: Agent;
  readonly #timeoutMs: number;

  constructor(context: Context, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    const ca = context.caPem;
    // Said outright: NODE_TLS_REJECT_UNAUTHORIZED=0 would have the token shown to anybody.
    const verified = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
    this.#agent = new Agent({ connect: { ...verified, timeout: 10_000 } });
  }

  /** One call; answers the parsed JSON body. */
  async call(method: Method, path: string, options: RestRequest = {}): Promise<unknown> {
    const answer = await this.#send(method, path, options);
    const text = await answer.body.text().catch((cause: unknown) => {
      throw this.#cutOff(cause);
    });
    return text === '' ? undefined : parseJson(text);
  }

  /** One call answered by lines of JSON without an end: throws CommandFailed when the control plane goes, in whatever way. */
  async *follow(path: string, options: RestRequest = {}): AsyncGenerator<unknown, never> {
    const answer = await this.#send('GET', path, options);
    answer.body.setEncoding('utf8');
    let rest = '';
    try {
      for await (const text of answer.body) {
        rest += String(text);
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        // An empty line is a heartbeat.
        for (const line of lines) if (line !== '') yield parseJson(line);
      }
    } catch (error) {
      throw isSidekeyError(error) ? error : this.#cutOff(error);
    }
    throw this.#cutOff(undefined);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #cutOff(cause: unknown): CommandFailed {
    const message = `the control plane at ${new URL(this.#context.server).origin} has ended the connection`;
    return new CommandFailed(EXIT_CODES.unreachable, message, cause === undefined ? {} : { cause });
  }

  async #send(method: Method, path: string, options: RestRequest): Promise<Dispatcher.ResponseData> {
    const url = new URL(this.#context.server + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const answer = await request(url, {
      method,
      dispatcher: this.#agent,
      headersTimeout: PATIENT_PATHS.has(path) ? 0 : this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
      headers: {
        authorization: `Bearer ${this.#context.token.reveal()}`,
        'sidekey-tenant': this.#context.tenant,
        accept: 'application/json',
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    }).catch((cause: unknown) => {
      const place = `the control plane at ${url.origin}${hintOf(cause)}`;
      throw new CommandFailed(EXIT_CODES.unreachable, `cannot reach ${place}`, { cause });
    });
    if (answer.statusCode >= 400) throw refusal(answer.statusCode, await answer.body.text(), url.origin);
    return answer;
  }
}

/** Runs `use` with a client, and closes it whatever happens. */
export async function withClient<T>(context: Context, use: (client: RestClient) => Promise<T>): Promise<T> {
  const client = new RestClient(context);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** What to look at when TLS failed: the port (`ERR_SSL_...`), the name, or whom to trust. */
function hintOf(cause: unknown): string {
  const code = readField(cause, 'code') ?? '';
  if (code.startsWith('ERR_SSL_')) return ' (is its REST API there, by default at port 7444?)';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return ' (ask by a name that its certificate has: --server, or SIDEKEY_SERVER)';
  const isUntrusted = /^UNABLE_TO_|SELF_SIGNED/.test(code);
  return isUntrusted ? ' (trust its authority: --ca-file, or SIDEKEY_CA_FILE)' : '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SidekeyError('bad-answer', 'the control plane answered something that is not JSON', { cause });
  }
}

/** The API answers application/problem+json (RFC 9457). */
function refusal(status: number, text: string, origin: string): Error {
  let problem: unknown;
  try {
    problem = JSON.parse(text);
  } catch {
    // A load balancer that found none behind it, or took the request for too large.
    const message = `something at ${origin} answered HTTP ${status} in the place of the control plane`;
    return new CommandFailed(EXIT_CODES.unreachable, message);
  }
  const code = readField(problem, 'code') ?? 'rest-error';
  const title = readField(problem, 'detail') ?? readField(problem, 'title') ?? 'refused';
  const fields = readIssues(problem, 'errors');
  if (status === 400 || status === 422) return new RequestRefused(code, title, fields);
  return new RestError(status, code, [`${title} [HTTP ${status}]`, ...fields.map(formatRefused)].join('\n  '));
}

/** A field of an answer as text, when it is text or a number. */
export function readField(value: unknown, name: string): string | undefined {
  const field = readMember(value, name);
  return typeof field === 'string' || typeof field === 'number' || typeof field === 'boolean'
    ? String(field)
    : undefined;
}

/** A list in an answer; empty when there is none. */
export function readList(value: unknown, name: string): unknown[] {
  const field = readMember(value, name);
  return Array.isArray(field) ? field : [];
}

/** A list of what is wrong with resources. */
export function readIssues(value: unknown, name: string): RefusedField[] {
  return readList(value, name).map((issue) => ({
    resource: readField(issue, 'resource') ?? '',
    field: readField(issue, 'field') ?? '',
    message: readField(issue, 'message') ?? '',
  }));
}

/** Whatever has this name in an answer. */
export function readMember(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
