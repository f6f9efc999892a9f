import type { Clock } from '../../common/clock.ts';
import type { OutboundFetcher } from '../outbound/https-fetcher.ts';
import { CredentialError, type CredentialMinter } from './credential-minter.ts';
import type { Issuer } from './issuer.ts';
import { mintJwt } from './jwt.ts';
import { createClientCredentialsMinter } from './oauth2-client-credentials.ts';

/** One minter for every type of credential provider. */
export function createMinter(options: {
  readonly issuer: Issuer;
  readonly fetcher: OutboundFetcher;
  readonly clock: Clock;
}): CredentialMinter {
  const clientCredentials = createClientCredentialsMinter(options);
  return {
    async mint(spec, context) {
      switch (spec.type) {
        case 'static':
          // As it is; what its place cannot hold is refused there. It has no end of its own: the lease of the grant bounds its use.
          if (spec.secret.length === 0) throw new CredentialError('the static secret is empty');
          return { secret: spec.secret, notAfter: undefined };
        case 'oauth2-client-credentials':
          return clientCredentials.mint(spec, context);
        case 'jwt':
          return mintJwt(options.issuer, spec, context);
      }
    },
    forget: (tenant, credential) => clientCredentials.forget(tenant, credential),
  };
}
