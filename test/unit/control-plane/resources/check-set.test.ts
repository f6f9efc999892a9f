import { expect, it } from 'vitest';
import { checkSet } from '../../../../control-plane/resources/check-set.ts';
import { type Resource, SPECS } from '../../../../control-plane/resources/kinds.ts';

const provider = (name: string, issuer: string, audience: string): Resource => ({
  apiVersion: 'sidekey.dev/v1',
  kind: 'TrustProvider',
  metadata: { name, labels: {} },
  spec: SPECS.TrustProvider.parse({ type: 'oidc', issuer, audience }),
});

it('refuses trust providers that would never be asked', () => {
  const eight = Array.from({ length: 8 }, (_, at) => provider(`p${at}`, 'https://id.test', `a${at}`));
  expect(checkSet([...eight, provider('other', 'https://other.test', 'a')])).toEqual([]);
  expect(checkSet([...eight, provider('ninth', 'https://id.test', 'a9')])).toMatchObject([
    { name: 'ninth', field: 'spec.issuer', message: expect.stringContaining('more than 8') },
  ]);
});
