import { createRootAuthority, issueLeaf, publicKeySpki } from '../../common/x509/authority.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { toPem } from '../../common/x509/certificate.ts';

/** A certificate for these hosts and its key, with the authority that signed it; all PEM, good for an hour. */
export function makeTlsIdentity(hosts: readonly string[]): { key: string; cert: string; caPem: string } {
  const root = createRootAuthority('test upstream root');
  const key = createSigningKey();
  const now = Date.now();
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: toPem(leaf),
    caPem: toPem(root.certificateDer),
  };
}
