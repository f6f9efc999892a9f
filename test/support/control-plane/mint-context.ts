import type { MintContext } from '../../../control-plane/credentials/credential-minter.ts';

/** Of a call that an agent makes for a user, with claims of most kinds. */
export const MINT_CONTEXT: MintContext = {
  tenant: 'acme',
  credential: 'api',
  version: '1',
  workload: 'agent',
  user: 'ann@example.com',
  serverWorkload: 'orders',
  claims: { kubernetes: { namespace: 'prod' }, oidc: { sub: 'repo:o/r:ref:main', n: 7, list: ['a'], no: false } },
};
