import type { Secret } from '../../common/secret.ts';
import { CredentialError } from './credential-minter.ts';

/** Refuses CR, LF, NUL and other control bytes when a credential is made; the proxy checks its place again. */
export function assertInjectable(secret: Secret): void {
  for (const byte of secret.revealBytes()) {
    if (byte < 0x20 || byte === 0x7f) {
      throw new CredentialError('the credential holds a control character', { reason: 'credential-invalid' });
    }
  }
}
