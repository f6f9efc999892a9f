import { CredentialError } from './credential-minter.ts';
import type { CredentialMinter, StaticSpec } from './credential-minter.ts';

/** A sealed secret as it is; what its place cannot hold is refused there. It has no expiry of its own; the lease of the grant bounds its use. */
export function createStaticMinter(): CredentialMinter<StaticSpec> {
  return {
    async mint(spec) {
      if (spec.secret.length === 0) throw new CredentialError('the static secret is empty');
      return { secret: spec.secret, notAfter: undefined };
    },
    forget() {},
  };
}
