import type { HeaderList } from '../protocols/header-list.ts';

/** Fields of one hop only (RFC 9110 7.6.1), and framing, which the writer sets anew. */
const HOP_BY_HOP = [
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
];

/** Connection options that name these would unframe or misdirect the message; they are kept whatever it says. */
const NEVER_STRIPPED = new Set(['host', 'content-length', 'close', 'keep-alive']);

/** Removes hop-by-hop fields and those that `Connection` names, before anything of ours is added (attack A-15). */
export function stripHopByHop(headers: HeaderList): void {
  for (const value of headers.getAll('connection')) {
    for (const option of value.toLowerCase().split(',')) {
      const name = option.trim();
      if (name !== '' && !NEVER_STRIPPED.has(name)) headers.delete(name);
    }
  }
  for (const name of HOP_BY_HOP) headers.delete(name);
}
