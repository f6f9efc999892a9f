import { createSigningKey, issueLeaf, publicKeySpki, type SigningAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';

/** A client certificate and its key in one PEM text, as a credential provider holds it; by default good for an hour. */
export function clientIdentity(
  root: SigningAuthority,
  name: string,
  times: { readonly now?: number; readonly notAfter?: number } = {},
): string {
  const key = createSigningKey();
  const now = times.now ?? Date.now();
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts: [`${name}.test`],
    name,
    usages: ['clientAuth'],
    now,
    notAfter: times.notAfter ?? now + 3_600_000,
  });
  return toPem(leaf) + key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
