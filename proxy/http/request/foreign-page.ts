import { parseAuthority } from '../../../common/net/host.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { Refusal } from '../../refusal.ts';
import type { LocalTransport } from './destination.ts';

/** What Sec-Fetch-Site says of what a user, or a page of this very origin, asks for (W3C Fetch Metadata section 2.4). */
const OWN_SITES: ReadonlySet<string> = new Set(['none', 'same-origin']);

/**
 * Lets no page in a browser call a listener on this machine, unless it is of the listener itself: it would act with the agent's
 * credentials. Browsers ask nobody before they send a form or open a WebSocket, and many APIs let every origin read what they answer.
 * Old browsers say no Sec-Fetch-Site, and newer ones none with a WebSocket, but Origin (RFC 6454 section 7).
 *
 * @throws Refusal `caller-refused`
 */
export function refuseForeignPage(local: LocalTransport, headers: HeaderList): void {
  const isOwn =
    headers.getAll('sec-fetch-site').every((site) => OWN_SITES.has(site)) &&
    headers.getAll('origin').every((origin) => isOwnOrigin(local, origin));
  if (!isOwn) throw new Refusal('caller-refused', 'this listener is not for pages of other origins');
}

function isOwnOrigin({ ownNames }: LocalTransport, origin: string): boolean {
  const named = /^http:\/\/([^/]+)$/.exec(origin)?.[1];
  if (named === undefined) return false;
  try {
    const { host, port } = parseAuthority(named, 80);
    return ownNames.some((own) => own.host === host && (own.port === 0 || own.port === port));
  } catch {
    return false;
  }
}
