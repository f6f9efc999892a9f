import { isUtf8 } from 'node:buffer';
import { parseStrictJson } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** A request as its reader needs it. */
export interface InspectedRequest {
  readonly method: string;
  /** Canonical. */
  readonly path: string;
  /** Without "?". */
  readonly query: string | undefined;
  /** All values of a header, in order, whatever case its name is asked in. */
  readonly header: (name: string) => readonly string[];
  /** Of all headers, as they are spelled. */
  readonly headerNames: readonly string[];
  /** As the framing says, before the body has come; undefined: it does not say. */
  readonly declaredBytes: number | undefined;
  /** Whole; undefined when it is longer than may be read. */
  readonly body: Buffer | undefined;
}

/** `Content-Type` without what does not matter here. */
export interface MediaType {
  /** In lower case, without parameters; empty when there is none. */
  readonly name: string;
  /** Why a body of this type cannot be read. */
  readonly problem: string | undefined;
}

export function mediaTypeOf(values: readonly string[]): MediaType {
  const [value = ''] = values;
  const [name = '', ...parameters] = value.split(';').map((part) => part.trim().toLowerCase());
  if (values.length > 1 || value.includes(',')) return { name, problem: 'it has more than one content type' };
  const charsets = parameters.filter((parameter) => parameter.startsWith('charset'));
  const utf8 = charsets.every((charset) => /^charset="?utf-?8"?$/.test(charset));
  return { name, problem: utf8 ? undefined : 'it is in another charset than UTF-8' };
}

const FORM = 'application/x-www-form-urlencoded';

export function isJsonType(name: string): boolean {
  return name === 'application/json' || /^application\/[^/]+\+json$/.test(name);
}

/** Why this body cannot be read, as far as the head tells; undefined: it may be readable. */
export function problemOfHead(header: InspectedRequest['header'], media: MediaType): string | undefined {
  if (header('content-encoding').some((value) => value.trim().toLowerCase() !== 'identity')) return 'it is compressed';
  return media.problem;
}

/** A request's body, parsed at most once in each way. Every reader throws Unreadable. */
export class RequestBody {
  readonly #request: InspectedRequest;
  readonly #media: MediaType;
  #json: { readonly value: unknown } | undefined;

  constructor(request: InspectedRequest, media: MediaType) {
    this.#request = request;
    this.#media = media;
  }

  get isEmpty(): boolean {
    return this.#request.body?.length === 0;
  }

  length(): number {
    const bytes = this.#request.body?.length ?? this.#request.declaredBytes;
    if (bytes === undefined) throw new Unreadable('it is longer than policy reads');
    return bytes;
  }

  json(): unknown {
    if (this.#json !== undefined) return this.#json.value;
    if (!isJsonType(this.#media.name)) throw new Unreadable('it is not sent as JSON');
    this.#json = { value: parseStrictJson(this.#plain()) };
    return this.#json.value;
  }

  /** As `json`; no body at all reads as an empty object. */
  jsonOrNothing(): unknown {
    return this.isEmpty ? {} : this.json();
  }

  /** Text of a form; no body at all reads as no fields. */
  formText(): string {
    if (this.isEmpty) return '';
    if (this.#media.name !== FORM) throw new Unreadable('it is not sent as a form');
    return this.#plain().toString('latin1');
  }

  /** GraphQL over HTTP takes JSON; `application/graphql` is the query alone. */
  graphqlRequest(): unknown {
    if (this.#media.name !== 'application/graphql') return this.json();
    const query = this.#plain();
    if (!isUtf8(query)) throw new Unreadable('it is not UTF-8');
    return { query: query.toString('utf8') };
  }

  #plain(): Buffer {
    const problem = problemOfHead(this.#request.header, this.#media);
    if (problem !== undefined) throw new Unreadable(problem);
    if (this.#request.body === undefined) throw new Unreadable('it is longer than policy reads');
    return this.#request.body;
  }
}
