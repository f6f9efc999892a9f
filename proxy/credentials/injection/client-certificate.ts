import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { pemBlocks } from '../../../common/credential-grammar.ts';
import { Secret } from '../../../common/secret.ts';
import type { ClientCertificateInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { InjectionError, invalid } from '../injection-error.ts';
import { type ClientCertificate, type PreparedInjection } from './scheme.ts';

/** Has the proxy present a certificate to the upstream; nothing of it goes into the request. */
export function prepareClientCertificate(injection: ClientCertificateInjection): PreparedInjection {
  const clientCertificate = readCertificate(injection);
  return {
    secrets: [],
    isSecret: false,
    takesPlaceholder: false,
    apply(draft) {
      if (draft.request.destination.scheme !== 'https') {
        throw new InjectionError('cleartext-refused', 'a client certificate needs TLS');
      }
      draft.clientCertificate = clientCertificate;
    },
  };
}

function readCertificate({ certificatePem, privateKey }: ClientCertificateInjection): ClientCertificate {
  const [leaf] = pemBlocks(certificatePem, 'CERTIFICATE');
  const privateKeyPem = new Secret(privateKey);
  try {
    if (leaf === undefined || !new X509Certificate(leaf).checkPrivateKey(createPrivateKey(privateKeyPem.reveal()))) {
      throw invalid("its certificate is not its key's");
    }
  } catch (error) {
    // The parser's message could quote the key.
    throw error instanceof InjectionError ? error : invalid('its certificate or its key cannot be read');
  }
  // The certificate names its public key, so that it tells the private one too.
  return { id: createHash('sha256').update(certificatePem).digest('base64url'), certificatePem, privateKeyPem };
}
