import { isJsonType, mediaTypeOf } from '../../common/inspection/request-body.ts';
import type { InspectedFacts, Route } from '../../proto/gen/sidekey/v1/route.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import { Refusal } from '../refusal.ts';
import type { AnswerFilter, ListedThing } from './answer-filter.ts';
import { JsonListFilter, StreamListFilter } from './list-filter.ts';
import { SecretMasker } from './secret-masker.ts';

const EVENT_STREAM = 'text/event-stream';

/**
 * Whether the answer to this request may have to be filtered. If so, ask the upstream for a plain and whole answer, as for
 * scrubbing: `Accept-Encoding: identity`, no `Range`.
 */
export function mayFilterAnswer(route: Route, facts: InspectedFacts | undefined): boolean {
  return route.maskedAnswerFields.length > 0 || mayList(facts);
}

/**
 * What this answer must go through; undefined: nothing. The filter takes decoded bytes.
 *
 * @throws Refusal `answer-refused` for an answer in which secrets cannot be masked
 */
export function answerFilterFor(
  route: Route,
  facts: InspectedFacts | undefined,
  answer: { readonly headers: HeaderList },
): AnswerFilter | undefined {
  if (!mayFilterAnswer(route, facts)) return undefined;
  const types = answer.headers.getAll('content-type');
  const { name } = mediaTypeOf(types);
  const masker = maskerFor(route, name, types.join());
  const lister = mayList(facts) ? listFilterFor(name, types.join()) : undefined;
  if (masker === undefined || lister === undefined) return masker ?? lister;
  return new MaskedList(masker, lister);
}

const LISTING: ReadonlySet<string> = new Set(['resources/directory/read', 'http/stream']);

/** Methods that list, and those whose answer may carry what another request asked for. */
function mayList(facts: InspectedFacts | undefined): boolean {
  const method = facts?.mcp?.method;
  return method !== undefined && (method.endsWith('/list') || LISTING.has(method));
}

/** Clients read nothing but JSON and event streams as MCP, though some look for these names anywhere in the content type. */
function listFilterFor(mediaType: string, contentType: string): AnswerFilter | undefined {
  const named = contentType.toLowerCase();
  const [hasStream, hasJson] = [named.includes(EVENT_STREAM), named.includes('json')];
  if (mediaType === EVENT_STREAM && !hasJson) return new StreamListFilter();
  if (isJsonType(mediaType) && !hasStream) return new JsonListFilter();
  if (hasStream || hasJson) throw new Refusal('answer-refused', 'the answer has an ambiguous content type');
  return undefined;
}

/** In these a secret stands without a name in front of it, or behind one that is written otherwise. */
const UNMASKABLE = /grpc|protobuf|cbor|msgpack|bson|yaml|jwt/;

/** Character sets in which ASCII is itself. */
const ASCII_BASED = /^(?:utf-?8|(?:us-)?ascii|iso-?8859-\d{1,2}|latin-?1|windows-125\d)$/;

function maskerFor({ maskedAnswerFields }: Route, name: string, contentType: string): AnswerFilter | undefined {
  if (maskedAnswerFields.length === 0) return undefined;
  // A server may choose the character set as the agent asks for it (`Accept-Charset`).
  const charsets = contentType.toLowerCase().matchAll(/charset\s*=\s*["']?([^\s"';,]*)/g);
  const isOther = [...charsets].some(([, charset = '']) => !ASCII_BASED.test(charset));
  if (UNMASKABLE.test(name) || isOther || contentType.includes(','))
    throw new Refusal('answer-refused', 'secrets cannot be masked in this form of answer');
  return new SecretMasker(maskedAnswerFields, name);
}

/** Masks first, then filters what is listed. */
class MaskedList implements AnswerFilter {
  readonly keepsLength = false;
  readonly #masker: AnswerFilter;
  readonly #lister: AnswerFilter;

  constructor(masker: AnswerFilter, lister: AnswerFilter) {
    this.#masker = masker;
    this.#lister = lister;
  }

  get asks(): readonly ListedThing[] | undefined {
    return this.#lister.asks;
  }

  push(bytes: Buffer): Buffer[] {
    return this.#masker.push(bytes).flatMap((masked) => this.#lister.push(masked));
  }

  answer(allowed: readonly boolean[]): Buffer[] {
    return this.#lister.answer(allowed);
  }

  end(): Buffer[] {
    return this.#lister.end();
  }
}
