import { pem } from '../../../../control-plane/resources/fields.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchHost } from '../../../../common/match/host-pattern.ts';
import { type BoundTo, SPECS } from '../../../../control-plane/resources/kinds.ts';
import { beyondBinding, boundToOf, type CredentialUse } from '../../../../control-plane/resources/within-binding.ts';

const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const OTHER = CA.replace('AAAA', 'BBBB');

function boundTo(changes: object = {}): BoundTo {
  const given = { hosts: ['api.example.com', '*.shop.example.com'], inject: [{ type: 'bearer' }], ...changes };
  const spec = SPECS.CredentialProvider.parse({ type: 'static', secret: { sealed: true }, boundTo: given });
  const bound = boundToOf(spec);
  if (bound === undefined) throw new Error('it is not bound');
  return bound;
}

const USE: CredentialUse = {
  hosts: ['api.example.com'],
  ports: [443],
  tls: { mode: 'verify' },
  inject: { type: 'bearer' },
  clientWorkload: 'agent',
};
const plaintext = { mode: 'plaintext' } as const;
const agents = { trust: ['cluster'], clientWorkloads: ['agent'] };

describe('what a credential is bound to', () => {
  it.each<[title: string, bound: object, use: Partial<CredentialUse>]>([
    ['the host', {}, {}],
    ['a host below a wildcard', {}, { hosts: ['a.b.shop.example.com'] }],
    ['the same wildcard', {}, { hosts: ['*.shop.example.com'] }],
    ['a narrower wildcard', {}, { hosts: ['*.eu.shop.example.com'] }],
    ['one of the ports', { ports: [443, 8443] }, { ports: [8443] }],
    ['a stricter server', { tls: { ...plaintext, ca: CA, serverName: 'x.example.com' } }, {}],
    [
      'the same authority, written otherwise',
      { tls: { ca: CA } },
      { tls: { mode: 'verify', ca: CA.replaceAll('\n', ' \r\n') } },
    ],
    ['one of its authorities', { tls: { ca: OTHER + CA } }, { tls: { mode: 'verify', ca: CA } }],
    ['its name', { tls: { serverName: 'x' } }, { tls: { mode: 'verify', serverName: 'x' } }],
    ['cleartext that it allows', { tls: plaintext }, { tls: plaintext }],
    ['one of its places', { inject: [{ type: 'bearer' }, { type: 'query', name: 'q' }] }, {}],
    ['its client workload', { agents }, {}],
    [
      'a token request that the proxy answers',
      {},
      { inject: { type: 'oauth-token', path: '/t', expiresInSeconds: 60 } },
    ],
    [
      'defaults that are not written',
      { inject: [{ type: 'header', name: 'x-key' }] },
      { inject: { type: 'header', name: 'x-key', template: '{{credential}}' } },
    ],
  ])('%s: within', (_title, bound, use) => {
    expect(beyondBinding(boundTo(bound), { ...USE, ...use })).toBeUndefined();
  });

  it.each<[title: string, bound: object, use: Partial<CredentialUse>, beyond: string]>([
    ['one host of two', {}, { hosts: ['api.example.com', 'evil.example'] }, 'the host evil.example'],
    ['the domain of a wildcard', {}, { hosts: ['shop.example.com'] }, 'the host shop.example.com'],
    ['a wider wildcard', {}, { hosts: ['*.example.com'] }, 'the host *.example.com'],
    ['a name that ends alike', {}, { hosts: ['evilshop.example.com'] }, 'the host evilshop.example.com'],
    ['another port', {}, { ports: [443, 444] }, 'port 444'],
    ['cleartext', {}, { tls: plaintext }, 'cleartext (tls.mode)'],
    ['another authority', { tls: { ca: CA } }, { tls: { mode: 'verify', ca: CA + OTHER } }, 'authority (tls.ca)'],
    ['another name', {}, { tls: { mode: 'verify', serverName: 'x' } }, 'another name (tls.serverName)'],
    ['another place', {}, { inject: { type: 'query', name: 'q' } }, 'this place (query)'],
    ['another client workload', { agents }, { clientWorkload: 'mine' }, 'the client workload mine'],
    ['all client workloads', { agents }, { clientWorkload: '*' }, 'all client workloads'],
  ])('%s: beyond', (_title, bound, use, beyond) => {
    expect(beyondBinding(boundTo(bound), { ...USE, ...use })).toContain(beyond);
  });

  it('is nothing where there is no provider', () => {
    expect(boundToOf(undefined)).toBeUndefined();
  });
});

it.each(['X509 CERTIFICATE', 'TRUSTED CERTIFICATE', 'PRIVATE KEY'])(
  'an authority has no %s, which some readers take too',
  (label) => {
    const block = (name: string): string => `-----BEGIN ${name}-----\nMIIB\n-----END ${name}-----\n`;
    const bound = block('CERTIFICATE');
    expect(pem.safeParse(`${bound}# a comment\n${bound}`).success).toBe(true);
    expect(pem.safeParse(bound + block(label) + bound).success).toBe(false);
  },
);

it('covers the hosts that its patterns match, whatever they are', () => {
  const label = fc.constantFrom('a', 'b', 'shop', 'xa');
  const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
  const pattern = fc.oneof(
    name,
    name.map((base) => `*.${base}`),
    fc.constantFrom('10.0.0.1', '0.0.1', '::1'),
  );
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), pattern, (hosts, host) => {
      const isMatched = hosts.some((one) => matchHost(one, host));
      expect(beyondBinding({ ...boundTo(), hosts }, { ...USE, hosts: [host] }) === undefined).toBe(isMatched);
    }),
    { numRuns: 2_000 },
  );
});

it('reads the hosts of a binding once for all its uses', () => {
  let reads = 0;
  const bound: BoundTo = {
    ...boundTo(),
    get hosts() {
      reads += 1;
      return ['*.example.com'];
    },
  };
  const hosts = Array.from({ length: 50 }, (_, n) => `h${n}.example.com`);
  for (let use = 0; use < 2; use += 1) expect(beyondBinding(bound, { ...USE, hosts })).toBeUndefined();
  expect(reads).toBe(1);
});
