import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDocumentError, parseDocuments } from '../../../../control-plane/resources/parse-documents.ts';

const errorsOf = (text: string): string[] => parseDocuments(text, 'f.yaml').errors.map(formatDocumentError);
const document = (kind: string, spec: string, name = 'x'): string =>
  `apiVersion: sidekey.dev/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\nspec:\n${spec.replaceAll(/^/gm, '  ')}\n`;

describe('documents', () => {
  it('are read with their defaults and their lines', () => {
    const text = `# two\n---\n${document('ServerWorkload', 'hosts: [a.example.com]')}---\n${document('TrustProvider', 'type: local', 'dev')}---\n`;
    const { resources, errors } = parseDocuments(text, 'f.yaml');
    expect(errors).toEqual([]);
    expect(
      resources.map(({ file, line, resource }) => `${file}:${line} ${resource.kind}/${resource.metadata.name}`),
    ).toEqual(['f.yaml:3 ServerWorkload/x', 'f.yaml:10 TrustProvider/dev']);
    expect(resources[0]?.resource.spec).toEqual({
      hosts: ['a.example.com'],
      ports: [443],
      inspectBytes: 1_048_576,
      protocol: 'http',
      tls: { mode: 'verify' },
      paths: { encodedSlash: 'refuse', emptySegments: 'refuse', parameters: 'refuse' },
      allowedAddresses: [],
    });
  });

  it.each([
    [
      'a field that is not known',
      document('ServerWorkload', 'hosts: [a.b]\nprot: http'),
      'f.yaml:7: spec.prot: unknown field',
    ],
    [
      'text that the database cannot store',
      document('ClientWorkload', 'selectors:\n  all:\n    - claim: a\n      equals: "a\\0"'),
      'f.yaml:9: spec.selectors.all[0].equals: holds NUL or half of a surrogate pair',
    ],
    [
      'a name that the database cannot store',
      document('CredentialProvider', 'type: jwt\naudience: a\nsubject: b\nclaims: { c: { "\\uD800": 1 } }'),
      'f.yaml:9: spec.claims.c.\ud800: holds NUL or half of a surrogate pair',
    ],
    [
      'a field that is misspelt',
      document('AccessPolicy', 'clientWorkload: a\nserverWorkload: b\nrules:\n  - method: [GET]'),
      'f.yaml:9: spec.rules[0].method: unknown field; did you mean methods?',
    ],
    [
      'a field outside the spec',
      document('Tenant', '{}').replace('kind:', 'knid: Tenant\nkind:'),
      'f.yaml:2: knid: unknown field; did you mean kind?',
    ],
    [
      'a field that belongs elsewhere',
      document('Tenant', '{}').replace('kind:', 'description: x\nkind:'),
      'f.yaml:2: description: unknown field here; it stands elsewhere',
    ],
    [
      'a field of a union that is missing',
      document('AccessPolicy', 'serverWorkload: b'),
      'f.yaml:5: spec.clientWorkload: is missing',
    ],
    ['a field that is missing', document('ServerWorkload', 'ports: [443]'), 'f.yaml:5: spec.hosts: is missing'],
    [
      'an entry of a list',
      document('ServerWorkload', 'hosts:\n  - a.b\n  - A.b'),
      'f.yaml:8: spec.hosts[1]: use a lower-case host name',
    ],
    [
      'h2c where TLS is asked for',
      document('ServerWorkload', 'hosts: [a.b]\nprotocol: h2c'),
      'f.yaml:7: spec.protocol: h2c is HTTP/2 without TLS: it needs `tls.mode: plaintext`',
    ],
    ['a bad name', document('Tenant', '{}', 'A_b'), 'f.yaml:4: metadata.name: use 1 to 63'],
    [
      'another version',
      document('Tenant', '{}').replace('v1', 'v2'),
      'f.yaml:1: apiVersion: Invalid input: expected "sidekey.dev/v1"',
    ],
    ['an unknown kind', document('Tenent', '{}'), 'f.yaml:2: kind: Invalid option'],
    ['no spec', 'apiVersion: sidekey.dev/v1\nkind: Tenant\nmetadata: {name: x}\n', 'f.yaml:1: spec: is missing'],
    ['a scalar', 'just text', 'f.yaml:1: Invalid input: expected object'],
    ['broken YAML', 'a: [1', 'f.yaml:1: Flow sequence'],
    [
      'a name given twice',
      document('Tenant', '{}').replace('spec:', 'kind: Tenant\nspec:'),
      'f.yaml:5: Map keys must be unique',
    ],
    ['a wrong type of provider', document('TrustProvider', 'type: saml'), 'f.yaml:6: spec.type: '],
    [
      'a secret in the wrong form',
      document('CredentialProvider', 'type: static\nsecret: hunter2'),
      'f.yaml:7: spec.secret: give one of fromFile',
    ],
    [
      'a selector without a test',
      document('ClientWorkload', 'selectors:\n  all:\n    - claim: a'),
      'f.yaml:8: spec.selectors.all[0]: give a claim and one of',
    ],
    ['no selectors', document('ClientWorkload', 'selectors: {}'), 'f.yaml:6: spec.selectors: give all, any or both'],
    [
      'a header that carries framing',
      document(
        'AccessPolicy',
        'clientWorkload: a\nserverWorkload: b\ncredentials: [{provider: p, inject: {type: header, name: Transfer-Encoding}}]',
      ),
      'f.yaml:8: spec.credentials[0].inject.name: this header may not carry',
    ],
    [
      'a deny with a credential',
      document(
        'AccessPolicy',
        'effect: deny\nclientWorkload: a\nserverWorkload: b\ncredentials: [{provider: p, inject: {type: bearer}}]',
      ),
      'f.yaml:9: spec.credentials: a policy that denies',
    ],
    [
      'cleartext for a token',
      document(
        'CredentialProvider',
        'type: oauth2-client-credentials\ntokenUrl: http://id.example.com/token\nclientId: c\nauth: {method: client_secret_post, clientSecret: {fromEnv: X}}',
      ),
      'f.yaml:7: spec.tokenUrl: use an https:// URL',
    ],
    [
      'a time zone that is none',
      document('AccessCondition', 'type: time-window\ntimeZone: Mars/Olympus\nfrom: "09:00"\nto: "17:00"'),
      'f.yaml:7: spec.timeZone: use a time zone',
    ],
  ])('name file, line and field of %s', (_what, text, expected) => {
    const [first = ''] = errorsOf(text);
    expect(first.slice(0, expected.length)).toBe(expected);
  });

  it('take any secret, as it is sealed', () => {
    const { resources, errors } = parseDocuments(
      document('CredentialProvider', 'type: static\nsecret: { value: "a\\0b" }'),
      'f',
    );
    expect(errors).toEqual([]);
    expect(resources[0]?.resource.spec).toMatchObject({ secret: { value: 'a\0b' } });
  });

  it('report every error of every document', () => {
    expect(errorsOf(`${document('Tenant', 'a: 1\nb: 2')}---\n${document('Tenant', 'c: 3')}`)).toHaveLength(3);
  });

  it('never repeat a secret in an error', () => {
    const texts = [
      document('CredentialProvider', 'type: static\nsecret: hunter2'),
      document('CredentialProvider', 'type: static\nsecret: {value: [hunter2]}'),
      document('CredentialProvider', 'type: static\nsecret: {value: hunter2, fromEnv: X}'),
    ];
    for (const text of texts) {
      expect(errorsOf(text)).not.toEqual([]);
      expect(errorsOf(text).join()).not.toContain('hunter2');
    }
  });

  it('refuse aliases that unfold without end, quickly', () => {
    const levels = Array.from(
      { length: 25 },
      (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`,
    );
    const started = performance.now();
    expect(errorsOf(`a0: &a0 [x]\n${levels.join('\n')}`).join()).toMatch(/alias/i);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('refuse a file that is too large', () => {
    expect(errorsOf(' '.repeat(4_000_001))).toEqual(['f.yaml:1: the file is over 4,000,000 characters']);
  });

  it('throw nothing, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => document('ServerWorkload', text)),
        ),
        (text) => {
          const parsed = parseDocuments(text, 'f.yaml');
          expect(parsed.errors.every((error) => error.line >= 1 && error.message !== '')).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['10.0.0.3', true],
    ['::1', true],
    ['api.example.com', true],
    ['*.example.com', true],
    ['10.0.0.300', false],
    ['10.0.0', false],
    ['1.2.3.4.5', false],
    ['host.123', false],
    ['*.0.0.1', false],
    ['1::2::3', false],
    ['0x7f', false],
  ])('takes the host %j: %j', (host, isTaken) => {
    const head = 'apiVersion: sidekey.dev/v1\nkind: ServerWorkload\nmetadata: { name: a }\n';
    const { errors } = parseDocuments(`${head}spec: { hosts: [${JSON.stringify(host)}] }\n`, 'a.yaml');
    expect(errors.length === 0).toBe(isTaken);
  });
});
