import { CredentialError } from './credential-minter.ts';
import type { CredentialMinter, StaticSpec } from './credential-minter.ts';
import { assertInjectable } from './injectable.ts';

/** A sealed secret as it is. It has no expiry of its own; the lease of the grant bounds its use. */
export function createStaticMinter(): CredentialMinter<StaticSpec> {
  return {
    async mint(spec) {
      if (spec.secret.length === 0) throw new CredentialError('the static secret is empty');
      assertInjectable(spec.secret);
      return { secret: spec.secret, notAfter: undefined };
    },
    forget() {},
  };
}
