import type { Extension } from './extension-header.ts';

const NAME = 'permessage-deflate';
const MAX_OFFERS = 4;

/** What an offer asks for and what an answer promises (RFC 7692 section 7.1). `true`: the parameter without a value. */
export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number | undefined;
  readonly clientMaxWindowBits: number | true | undefined;
}

/**
 * The agent's offers that go on to the upstream: those for permessage-deflate that are valid, in their order. All other
 * extensions are left out, because frames under them could not be checked. (A server declines invalid offers, section 7.)
 */
export function deflateOffers(extensions: readonly Extension[]): DeflateParameters[] {
  return extensions
    .filter(({ name }) => name === NAME)
    .map((extension) => readParameters(extension, 'offer'))
    .filter((offer) => offer !== undefined)
    .slice(0, MAX_OFFERS);
}

/**
 * The upstream's choice; undefined when it chose no extension, `'invalid'` when it chose what was not offered or chose
 * wrongly (RFC 6455 section 9.1, RFC 7692 section 7.1), upon which the connection has to fail.
 */
export function deflateAgreement(
  answered: readonly Extension[],
  offers: readonly DeflateParameters[],
): DeflateParameters | undefined | 'invalid' {
  const [first, second] = answered;
  if (first === undefined) return undefined;
  if (second !== undefined || first.name !== NAME) return 'invalid';
  const answer = readParameters(first, 'answer');
  if (answer === undefined || !offers.some((offer) => answersOffer(answer, offer))) return 'invalid';
  return answer;
}

/** Offers or an answer as a field value; undefined when there is nothing to say. */
export function formatDeflate(list: readonly DeflateParameters[]): string | undefined {
  return list.length === 0 ? undefined : list.map(formatOne).join(', ');
}

function formatOne(parameters: DeflateParameters): string {
  const parts = [NAME];
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
  if (parameters.serverNoContextTakeover) parts.push('server_no_context_takeover');
  if (parameters.clientNoContextTakeover) parts.push('client_no_context_takeover');
  if (serverMaxWindowBits !== undefined) parts.push(`server_max_window_bits=${serverMaxWindowBits}`);
  if (clientMaxWindowBits === true) parts.push('client_max_window_bits');
  else if (clientMaxWindowBits !== undefined) parts.push(`client_max_window_bits=${clientMaxWindowBits}`);
  return parts.join('; ');
}

/** undefined when a parameter is unknown, doubled, or has a value it may not have. */
function readParameters({ parameters }: Extension, kind: 'offer' | 'answer'): DeflateParameters | undefined {
  const given = new Map(parameters);
  if (given.size !== parameters.length) return undefined;
  for (const [name, value] of parameters) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof typeof RULES] : undefined;
    if (rule === undefined || !rule(value, kind)) return undefined;
  }
  const server = given.get('server_max_window_bits');
  const client = given.get('client_max_window_bits');
  return {
    serverNoContextTakeover: given.has('server_no_context_takeover'),
    clientNoContextTakeover: given.has('client_no_context_takeover'),
    serverMaxWindowBits: server === undefined ? undefined : Number(server),
    clientMaxWindowBits:
      client === undefined ? (given.has('client_max_window_bits') ? true : undefined) : Number(client),
  };
}

const RULES = {
  server_no_context_takeover: (value) => value === undefined,
  client_no_context_takeover: (value) => value === undefined,
  server_max_window_bits: isWindowBits,
  client_max_window_bits: (value, kind) => (value === undefined ? kind === 'offer' : isWindowBits(value)),
} as const satisfies Record<string, (value: string | undefined, kind: 'offer' | 'answer') => boolean>;

/** 8 to 15, without leading zeros. */
function isWindowBits(value: string | undefined): boolean {
  return value !== undefined && /^(?:[89]|1[0-5])$/.test(value);
}

/** RFC 7692 sections 7.1.1.1, 7.1.2.1 and 7.1.2.2: what was asked for must be granted, what was not offered not used. */
function answersOffer(answer: DeflateParameters, offer: DeflateParameters): boolean {
  if (offer.serverNoContextTakeover && !answer.serverNoContextTakeover) return false;
  if (offer.serverMaxWindowBits !== undefined && (answer.serverMaxWindowBits ?? 16) > offer.serverMaxWindowBits) {
    return false;
  }
  if (answer.clientMaxWindowBits === undefined) return true;
  const most = offer.clientMaxWindowBits === true ? 15 : (offer.clientMaxWindowBits ?? 0);
  return typeof answer.clientMaxWindowBits === 'number' && answer.clientMaxWindowBits <= most;
}
