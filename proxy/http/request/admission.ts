import { methodFault } from '../../../common/match/method.ts';
import type { RequestHead } from '../../protocols/heads.ts';
import type { LocalReply } from '../../credentials/inject.ts';
import { Refusal } from '../../refusal.ts';

/** The pseudonym in our Via entries (RFC 9110 7.6.3); meeting our own means a loop. */
export function viaPseudonym(instanceId: string): string {
  return `sidekey-${instanceId.slice(0, 8)}`;
}

type Entries = { readonly [V in RequestHead['version']]: string };

/** A proxy has one pseudonym. */
let spelled: { readonly pseudonym: string; readonly entries: Entries } | undefined;

/** Our Via entry for a message that was received in this version (RFC 9110 7.6.3). */
export function viaEntry(version: RequestHead['version'], pseudonym: string): string {
  if (spelled?.pseudonym !== pseudonym) {
    spelled = { pseudonym, entries: { '1.0': `1.0 ${pseudonym}`, '1.1': `1.1 ${pseudonym}`, '2': `2 ${pseudonym}` } };
  }
  return spelled.entries[version];
}

/**
 * What no policy can allow: methods that reflect the request, unknown expectations and loops.
 *
 * @throws Refusal
 */
export function admit(head: RequestHead, via: string): void {
  const fault = methodFault(head.method);
  if (fault !== undefined) throw new Refusal('method-refused', fault);
  const expect = head.headers.get('expect');
  if (expect !== undefined && !head.expectContinue) {
    if (expect.toLowerCase() !== '100-continue') {
      throw new Refusal('expectation-failed', 'only Expect: 100-continue is understood');
    }
    // Of HTTP/1.0 it has to be ignored, and without content there is nothing to wait for (RFC 9110 10.1.1).
    head.headers.delete('expect');
  }
  for (const value of head.headers.getAll('via')) {
    if (value.includes(via)) throw new Refusal('loop-refused', 'the call has been through this proxy before');
  }
}

/** The answer to an OPTIONS that goes no further than this proxy. */
export const OPTIONS_REPLY: LocalReply = Object.freeze({
  status: 200,
  headers: [
    ['Content-Length', '0'],
    ['Allow', 'OPTIONS'],
  ] as const,
  body: Buffer.alloc(0),
});

/**
 * Max-Forwards of OPTIONS (RFC 9110 7.6.2): counted down, and 0 answered here.
 *
 * @returns true when the request must be answered by the proxy itself
 */
export function countForwards(head: RequestHead): boolean {
  const text = head.headers.get('max-forwards');
  if (text === undefined || head.method !== 'OPTIONS') return false;
  if (!/^\d{1,9}$/.test(text)) throw new Refusal('bad-request', 'Max-Forwards is not a number');
  const left = Number(text);
  if (left === 0) return true;
  head.headers.set('max-forwards', String(left - 1));
  return false;
}
