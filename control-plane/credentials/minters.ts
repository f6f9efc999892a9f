import type { Clock } from '../../common/clock.ts';
import type { OutboundFetcher } from '../outbound/https-fetcher.ts';
import type { CredentialMinter } from './credential-minter.ts';
import type { Issuer } from './issuer.ts';
import { createJwtMinter } from './jwt.ts';
import { createClientCredentialsMinter } from './oauth2-client-credentials.ts';
import { createStaticMinter } from './static.ts';

/** One minter for every type of credential provider. */
export function createMinter(options: {
  readonly issuer: Issuer;
  readonly fetcher: OutboundFetcher;
  readonly clock: Clock;
}): CredentialMinter {
  const fixed = createStaticMinter();
  const clientCredentials = createClientCredentialsMinter(options);
  const jwt = createJwtMinter(options.issuer);
  return {
    async mint(spec, context) {
      switch (spec.type) {
        case 'static':
          return fixed.mint(spec, context);
        case 'oauth2-client-credentials':
          return clientCredentials.mint(spec, context);
        case 'jwt':
          return jwt.mint(spec, context);
      }
    },
    forget(tenant, credential) {
      clientCredentials.forget(tenant, credential);
    },
  };
}
