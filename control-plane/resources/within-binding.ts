import { pemBlocks } from '../../common/credential-grammar.ts';
import { toJson } from './diff.ts';
import type { BoundTo, CredentialInjection, CredentialProviderSpec, ServerWorkloadSpec } from './kinds.ts';

/** What would be done with a credential. */
export interface CredentialUse extends Pick<ServerWorkloadSpec, 'hosts' | 'ports' | 'tls'> {
  readonly inject: CredentialInjection;
  readonly clientWorkload: string;
}

/** undefined: policy alone says what becomes of the credential, or there is no such provider. */
export function boundToOf(spec: CredentialProviderSpec | undefined): BoundTo | undefined {
  return spec === undefined || spec.type === 'jwt' ? undefined : spec.boundTo;
}

/** What of this use the credential is not bound to, in words; undefined: all of it is within. */
export function beyondBinding(bound: BoundTo, use: CredentialUse): string | undefined {
  // The token endpoint is the proxy itself, and gets no credential.
  if (use.inject.type === 'oauth-token') return undefined;
  const host = use.hosts.find((one) => !isCovered(one, bound));
  if (host !== undefined) return `the host ${host}`;
  const port = use.ports.find((one) => !bound.ports.includes(one));
  if (port !== undefined) return `port ${port}`;
  const { tls } = use;
  if (tls.mode === 'plaintext' && bound.tls.mode !== 'plaintext') return 'cleartext (tls.mode)';
  if (!isAmong(tls.ca, bound.tls.ca)) return "the server's own authority (tls.ca)";
  if (tls.serverName !== undefined && tls.serverName !== bound.tls.serverName) {
    return 'a certificate for another name (tls.serverName)';
  }
  const place = toJson(use.inject);
  if (!bound.inject.some((one) => toJson(one) === place)) return `this place (${use.inject.type})`;
  const { agents } = bound;
  if (agents !== undefined && !agents.clientWorkloads.includes(use.clientWorkload)) {
    return use.clientWorkload === '*' ? 'all client workloads' : `the client workload ${use.clientWorkload}`;
  }
  return undefined;
}

/** By binding, as a tenant may have thousands of uses of hundreds of hosts. */
const patternsOf = new WeakMap<BoundTo, ReadonlySet<string>>();

/** As `matchHost` says of one of its patterns. A wildcard covers itself, and those below it. */
function isCovered(host: string, bound: BoundTo): boolean {
  const patterns = patternsOf.get(bound) ?? new Set(bound.hosts);
  patternsOf.set(bound, patterns);
  if (patterns.has(host)) return true;
  for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
    if (patterns.has(`*${host.slice(dot)}`)) return true;
  }
  return false;
}

function isAmong(pem: string | undefined, among: string | undefined): boolean {
  const allowed = certificatesOf(among);
  return certificatesOf(pem).every((one) => allowed.includes(one));
}

function certificatesOf(pem = ''): string[] {
  return pemBlocks(pem, 'CERTIFICATE').map((block) => block.replace(/\s/g, ''));
}
