import type { HeaderList } from '../protocols/header-list.ts';
import { NOT_IN_TRAILERS } from '../protocols/trailer-fields.ts';

/** Fields of one hop only (RFC 9110 7.6.1), and framing, which the writer sets anew. */
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
]);

/** Connection options that name these would unframe or misdirect the message; they are kept whatever it says. */
const NEVER_STRIPPED = new Set(['host', 'content-length', 'close', 'keep-alive']);

/** What nearly every message says, which names no field. */
const NOTHING_NAMED = new Set(['keep-alive', 'close', 'Keep-Alive']);

/** Removes hop-by-hop fields and those that `Connection` names, before anything of ours is added (attack A-15). */
export function stripHopByHop(headers: HeaderList): void {
  const connection = headers.getAll('connection');
  headers.deleteAll(HOP_BY_HOP);
  if (connection.length > 0) headers.deleteAll(new Set(connection.flatMap(namedOptions)));
}

/** Removes from the head of an interim answer a length of 0, too: clients of HTTP/2 refuse the answer for it (RFC 9110 8.6). */
export function stripInterim(headers: HeaderList): void {
  stripHopByHop(headers);
  headers.delete('content-length');
}

function namedOptions(value: string): string[] {
  if (NOTHING_NAMED.has(value)) return [];
  const options = value.toLowerCase().split(',');
  return options.map((option) => option.trim()).filter((name) => name !== '' && !NEVER_STRIPPED.has(name));
}

/** Removes what is for heads alone: HTTP/1.1 refuses it when it reads trailers, HTTP/2 does not. */
export function stripTrailers(trailers: HeaderList): void {
  stripHopByHop(trailers);
  trailers.deleteAll(NOT_IN_TRAILERS);
}

/** Whether the sender takes trailers (RFC 9110 10.1.4); to be asked before `TE` is stripped. */
export function acceptsTrailers(headers: HeaderList): boolean {
  const value = headers.get('te');
  return value !== undefined && /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value);
}
