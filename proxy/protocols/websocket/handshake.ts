import { createHash } from 'node:crypto';
import type { HeaderList } from '../header-list.ts';
import type { RequestHead } from '../heads.ts';
import { isToken, trimBlanks } from '../http1/characters.ts';
import { malformed, type MessageError } from '../http1/message-error.ts';
import { deflateAgreement, deflateOffers, type DeflateParameters, formatDeflate } from './deflate-agreement.ts';
import { readExtensions } from './extension-header.ts';

/** How the WebSocket is opened: by Upgrade (RFC 6455 section 4) or by extended CONNECT (RFC 8441), which has no keys. */
export type OpeningKind = 'upgrade' | 'extended-connect';

/** What an agent asks for. */
export interface Opening {
  /** Sec-WebSocket-Key; undefined with extended CONNECT. */
  readonly key: string | undefined;
  readonly protocols: readonly string[];
  readonly deflateOffers: readonly DeflateParameters[];
}

/** What the upstream agreed to. */
export interface OpeningAnswer {
  readonly protocol: string | undefined;
  /** undefined: frames are not compressed. */
  readonly deflate: DeflateParameters | undefined;
}

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64, with no bits set beyond them. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const MAX_PROTOCOLS = 32;
const OPENING_HEADERS: ReadonlySet<string> = new Set([
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'sec-websocket-accept',
]);

/**
 * What a request wishes to change to. HTTP/1.0 has no upgrades, and nobody has to agree to one (RFC 9110 7.8): h2c, for which
 * Java's client asks without TLS in every request, is left out.
 */
export function wishedUpgrades({ version, headers }: RequestHead): string[] {
  if (version === '1.0') return [];
  const names = elements(headers.getAll('upgrade')).map((name) => name.toLowerCase());
  return names.filter((name) => name !== 'h2c');
}

/** Reads an agent's opening request. @throws MessageError `bad-request` */
export function readOpening(method: string, headers: HeaderList, kind: OpeningKind): Opening {
  if (headers.get('sec-websocket-version') !== '13' || headers.getAll('sec-websocket-version').length > 1) {
    throw bad('only version 13 of WebSocket is known (RFC 6455 4.2.1)');
  }
  const key = kind === 'upgrade' ? readUpgrade(method, headers) : undefined;
  const protocols = elements(headers.getAll('sec-websocket-protocol'));
  if (protocols.length > MAX_PROTOCOLS || new Set(protocols).size < protocols.length || !protocols.every(isToken)) {
    throw bad('Sec-WebSocket-Protocol is malformed (RFC 6455 4.1)');
  }
  const extensions = readExtensions(headers.getAll('sec-websocket-extensions'));
  if (extensions === undefined) throw bad('Sec-WebSocket-Extensions is malformed (RFC 6455 9.1)');
  return { key, protocols, deflateOffers: deflateOffers(extensions) };
}

/** Puts this opening into a request to the upstream, in place of the agent's; in HTTP/1.1, `writeUpgrade` goes with it. */
export function writeOpening(headers: HeaderList, opening: Opening): void {
  headers.deleteAll(OPENING_HEADERS);
  headers.append('Sec-WebSocket-Version', '13');
  if (opening.protocols.length > 0) headers.append('Sec-WebSocket-Protocol', opening.protocols.join(', '));
  const offers = formatDeflate(opening.deflateOffers);
  if (offers !== undefined) headers.append('Sec-WebSocket-Extensions', offers);
}

/** What an opening has in HTTP/1.1 alone (RFC 6455 4.1, RFC 8441 5); `key` is our own, a fresh one. */
export function writeUpgrade(headers: HeaderList, key: string): void {
  headers.append('Upgrade', 'websocket');
  headers.append('Connection', 'Upgrade');
  headers.append('Sec-WebSocket-Key', key);
}

/**
 * Reads the upstream's answer to `writeOpening`; undefined when it is no agreement but an ordinary answer (RFC 6455
 * section 4.1). `key` is the one that was sent, undefined with extended CONNECT.
 *
 * @throws MessageError `upstream-malformed`
 */
export function readOpeningAnswer(
  status: number,
  headers: HeaderList,
  opening: Opening,
  key: string | undefined,
): OpeningAnswer | undefined {
  const isSuccess = status >= 200 && status <= 299;
  if (key === undefined ? !isSuccess : status !== 101) {
    // Such an agent would take it for an agreement, and its content for frames (RFC 8441 5).
    if (isSuccess && opening.key === undefined) throw wrong('the upstream did not agree to open a WebSocket');
    return undefined;
  }
  if (key !== undefined) checkUpgraded(headers, key);
  const protocols = headers.getAll('sec-websocket-protocol');
  const [protocol] = protocols;
  if (protocols.length > 1 || (protocol !== undefined && !opening.protocols.includes(protocol))) {
    throw wrong('the upstream chose a subprotocol that was not offered (RFC 6455 4.1)');
  }
  const extensions = readExtensions(headers.getAll('sec-websocket-extensions'));
  if (extensions === undefined) throw wrong("the upstream's Sec-WebSocket-Extensions is malformed (RFC 6455 9.1)");
  const deflate = deflateAgreement(extensions, opening.deflateOffers);
  if (deflate === 'invalid') throw wrong('the upstream chose an extension that was not offered (RFC 6455 4.1)');
  return { protocol, deflate };
}

/** Puts the agreement into the answer to the agent, in place of the upstream's. */
export function writeOpeningAnswer(headers: HeaderList, opening: Opening, answer: OpeningAnswer): void {
  headers.deleteAll(OPENING_HEADERS);
  if (opening.key !== undefined) {
    headers.append('Upgrade', 'websocket');
    headers.append('Connection', 'Upgrade');
    headers.append('Sec-WebSocket-Accept', acceptFor(opening.key));
  }
  if (answer.protocol !== undefined) headers.append('Sec-WebSocket-Protocol', answer.protocol);
  const extensions = formatDeflate(answer.deflate === undefined ? [] : [answer.deflate]);
  if (extensions !== undefined) headers.append('Sec-WebSocket-Extensions', extensions);
}

/** Sec-WebSocket-Accept for this key (RFC 6455 section 4.2.2). */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_GUID}`).digest('base64');
}

function readUpgrade(method: string, headers: HeaderList): string {
  if (method !== 'GET') throw bad('a WebSocket is opened with GET (RFC 6455 4.1)');
  const upgrades = elements(headers.getAll('upgrade'));
  if (upgrades.length !== 1 || upgrades[0]?.toLowerCase() !== 'websocket') throw bad('Upgrade is not websocket alone');
  if (!namesUpgrade(headers)) throw bad('Connection does not name upgrade (RFC 6455 4.2.1)');
  const [key, another] = headers.getAll('sec-websocket-key');
  if (key === undefined || another !== undefined || !KEY.test(key)) {
    throw bad('Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 4.2.1)');
  }
  return key;
}

function checkUpgraded(headers: HeaderList, key: string): void {
  const upgrades = elements(headers.getAll('upgrade'));
  if (upgrades.length !== 1 || upgrades[0]?.toLowerCase() !== 'websocket' || !namesUpgrade(headers)) {
    throw wrong('the upstream upgraded to something else (RFC 6455 4.1)');
  }
  const [accept, another] = headers.getAll('sec-websocket-accept');
  if (accept !== acceptFor(key) || another !== undefined) {
    throw wrong("the upstream's Sec-WebSocket-Accept does not fit (RFC 6455 4.1)");
  }
}

function namesUpgrade(headers: HeaderList): boolean {
  return elements(headers.getAll('connection')).some((name) => name.toLowerCase() === 'upgrade');
}

/** The elements of a comma-separated list over all its field lines (RFC 9110 section 5.6.1). */
function elements(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(','))
    .map(trimBlanks)
    .filter((element) => element !== '');
}

function bad(message: string): MessageError {
  return malformed('request', message);
}

function wrong(message: string): MessageError {
  return malformed('response', message);
}
