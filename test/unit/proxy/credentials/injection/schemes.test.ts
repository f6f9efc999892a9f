import { describe, expect, test } from 'vitest';
import { headerName } from '../../../../../control-plane/resources/header-name.ts';
import { Binding, Grant, type Injection } from '../../../../../proto/gen/sidekey/v1/grant.ts';
import { type InjectableRequest, injectCredential, type Injected } from '../../../../../proxy/credentials/inject.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { transformed } from '../../../../support/protocols/body-transform.ts';
import { injectableRequest, reasonOf } from '../../../../support/protocols/injectable-request.ts';

type Kind = NonNullable<Injection['kind']>;
const destination = { scheme: 'https', host: 'api.example.com', port: 443 };

function grantOf(...kinds: Kind[]): Grant {
  const bound = Grant.fromPartial({ id: 'g1', binding: { destination, method: 'POST', path: '' } });
  return { ...bound, injections: kinds.map((kind) => ({ kind })) };
}

const typed = (type: string, ...more: [string, string][]): HeaderList =>
  HeaderList.from([['Content-Type', type], ...more]);
const sent = (injected: Injected, body: string): string =>
  injected.body === undefined ? body : transformed(injected.body, body, [3]);

const value = Buffer.from('s3cret:1/x');
const header = (prefix: string, suffix: string): Kind => ({
  $case: 'header',
  value: { name: 'Authorization', prefix, suffix, value },
});

test('header: within a template', () => {
  const request = injectableRequest();
  injectCredential(grantOf(header('Token token="', '"')), request);
  expect(request.headers.get('authorization')).toBe('Token token="s3cret:1/x"');
});

test('header: no white space at the ends, which HTTP/2 does not take (RFC 9113 8.2.1)', () => {
  const request = injectableRequest();
  injectCredential(grantOf(header(' Token ', '\t')), request);
  expect(request.headers.get('authorization')).toBe('Token s3cret:1/x');
});

test.each([
  ...['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Max-Forwards', 'Accept-Encoding', 'Cookie'],
  // The proxy writes them anew, or drops them, once the credential is in.
  ...['Sec-WebSocket-Protocol', 'Sec-WebSocket-Key', 'Range', 'If-Range', 'Via'],
])('header: %s cannot carry a credential, nor does policy say so', (name) => {
  const kind: Kind = { $case: 'header', value: { name, prefix: '', suffix: '', value } };
  expect(reasonOf(() => injectCredential(grantOf(kind), injectableRequest()))).toBe('credential-invalid');
  expect(headerName.safeParse(name).error?.issues[0]?.message).toBe('this header may not carry a credential');
});

describe('cookie', () => {
  const cookie = (bytes: Buffer, name = 'sid'): Kind => ({ $case: 'cookie', value: { name, value: bytes } });

  test('joins the others and replaces its own', () => {
    const headers = HeaderList.from([
      ['Cookie', 'csrf=1; sid=mine=2; sid'],
      ['Cookie', 'sid=other; theme=dark;city=Cefal\xc3\xa0 ;'],
    ]);
    injectCredential(grantOf(cookie(value)), injectableRequest({ headers }));
    expect(headers.getAll('cookie')).toEqual(['sid=s3cret:1/x; csrf=1; theme=dark; city=Cefal\xc3\xa0']);
  });

  test.each([['ab;cd'], ['ab cd'], ['ab"cd'], ['ab,cd'], ['ab\r\ncd'], ['caf\u00e9']])(
    'A-14: %j is refused',
    (text) => {
      expect(reasonOf(() => injectCredential(grantOf(cookie(Buffer.from(text))), injectableRequest()))).toBe(
        'credential-invalid',
      );
    },
  );

  test('A-14: a name that is none is refused', () => {
    expect(reasonOf(() => injectCredential(grantOf(cookie(value, 'a=b')), injectableRequest()))).toBe(
      'credential-invalid',
    );
  });
});

describe('path segment', () => {
  const segment = (bytes: Buffer, index = 0, prefix = 'bot', suffix = ''): Kind => ({
    $case: 'pathSegment',
    value: { index, prefix, suffix, value: bytes },
  });

  test.each([
    ['/botDUMMY/getMe', segment(Buffer.from('123:AA-b_c')), '/bot123:AA-b_c/getMe'],
    ['/file/botX/a/b', segment(value, 1), '/file/bots3cret:1%2Fx/a/b'],
    ['/x/KEY.json', segment(Buffer.from('a?b#c%'), 1, '', '.json'), '/x/a%3Fb%23c%25.json'],
    ['/bot..', segment(Buffer.from('tok en')), '/bottok%20en'],
  ])('%s', (path, kind, expected) => {
    const { path: target } = injectCredential(grantOf(kind), injectableRequest({ path }));
    expect(target).toBe(expected);
  });

  test.each([
    ['/'],
    ['/getMe'],
    ['/bot'],
    ['/bot/getMe'],
    ['/Botx/getMe'],
    ['/botx.xml', '.json'],
    ['/bot.json', '.json'],
    ['/bota', 'ota'],
  ])('%s has no place for it before "%s"', (path, suffix = '') => {
    const grant = grantOf(segment(value, 0, 'bot', suffix));
    expect(reasonOf(() => injectCredential(grant, injectableRequest({ path })))).toBe('injection-refused');
  });

  test.each([
    ['a dot segment', segment(Buffer.from('..'), 0, '')],
    ['a prefix that is two segments', segment(value, 0, 'a/b')],
  ])('A-14: %s is refused', (_, kind) => {
    const request = injectableRequest({ path: '/botX' });
    expect(reasonOf(() => injectCredential(grantOf(kind), request))).toBe('credential-invalid');
  });
});

describe('fields of a body', () => {
  const json: Kind = { $case: 'jsonField', value: { pointer: '/auth/key', value } };
  const form: Kind = { $case: 'formField', value: { name: 'client_secret', value } };

  test.each(['application/vnd.api+json; charset=UTF-8', 'Application/JSON ; charset="utf8"'])('JSON: %s', (type) => {
    const headers = typed(type, ['Content-Digest', 'sha-256=:x:'], ['Content-Encoding', ' Identity ']);
    const injected = injectCredential(grantOf(json), injectableRequest({ headers }));
    expect(sent(injected, '{"auth":{"key":"mine"}}')).toBe('{"auth":{"key":"s3cret:1/x"}}');
    expect(injected.body?.removed).toEqual(['json:/auth/key']);
    expect(injected.contentLength?.(10)).toBeUndefined();
    expect(headers.has('content-digest')).toBe(false);
  });

  test('form', () => {
    const headers = typed('application/x-www-form-urlencoded');
    const injected = injectCredential(grantOf(form), injectableRequest({ headers }));
    expect(sent(injected, 'client_secret=dummy&a=1')).toBe('a=1&client_secret=s3cret%3A1%2Fx');
  });

  test.each<[string, Kind, HeaderList]>([
    ['JSON without a type', json, HeaderList.from([])],
    ['JSON of two types', json, typed('application/json', ['Content-Type', 'text/plain'])],
    ['text as JSON', json, typed('text/plain')],
    ['JSON in UTF-16', json, typed('application/json; charset=utf-16')],
    ['JSON of two charsets', json, typed('application/json; charset=utf-8; charset=utf-16')],
    ['coded JSON', json, typed('application/json', ['Content-Encoding', 'gzip'])],
    ['multipart', form, typed('multipart/form-data; boundary=x')],
    ['a form in Latin-1', form, typed('application/x-www-form-urlencoded; charset=iso-8859-1')],
  ])('%s is refused', (_, kind, headers) => {
    expect(reasonOf(() => injectCredential(grantOf(kind), injectableRequest({ headers })))).toBe('injection-refused');
  });

  test.each([json, form])('a request without a body is refused', (kind) => {
    const headers = typed(kind === json ? 'application/json' : 'application/x-www-form-urlencoded');
    expect(reasonOf(() => injectCredential(grantOf(kind), injectableRequest({ headers, hasBody: false })))).toBe(
      'injection-refused',
    );
  });

  test.each([Buffer.from([0xff, 0xfe, 0xfd, 0xfc]), Buffer.from('ab\0cd')])('A-14: %j is refused', (bytes) => {
    const kind: Kind = { $case: 'jsonField', value: { pointer: '/key', value: bytes } };
    const request = injectableRequest({ headers: typed('application/json') });
    expect(reasonOf(() => injectCredential(grantOf(kind), request))).toBe('credential-invalid');
  });
});

const JSON_BODY = { headers: typed('application/json') };
const FORM_BODY = { headers: typed('application/x-www-form-urlencoded') };

describe.each<[string, (secret: Buffer) => Kind, Partial<InjectableRequest>?]>([
  ['bearer', (secret) => ({ $case: 'bearer', value: { token: secret } })],
  ['basic', (secret) => ({ $case: 'basic', value: { username: 'me', password: secret } })],
  ['header', (secret) => ({ $case: 'header', value: { name: 'X-Key', prefix: '', suffix: '', value: secret } })],
  ['query', (secret) => ({ $case: 'query', value: { name: 'key', value: secret } })],
  ['cookie', (secret) => ({ $case: 'cookie', value: { name: 'sid', value: secret } })],
  ['pathSegment', (secret) => ({ $case: 'pathSegment', value: { index: 0, prefix: '', suffix: '', value: secret } })],
  ['formField', (secret) => ({ $case: 'formField', value: { name: 'key', value: secret } }), FORM_BODY],
  ['jsonField', (secret) => ({ $case: 'jsonField', value: { pointer: '/key', value: secret } }), JSON_BODY],
])('%s', (place, kind, changes) => {
  const inject = (text: string): Injected =>
    injectCredential(grantOf(kind(Buffer.from(text))), injectableRequest(changes));

  test('is kept from the agent', () => {
    expect(inject('abcd').secrets.map((secret) => secret.reveal())).toContain('abcd');
  });

  test.each(place === 'query' ? ['abc'] : ['abc', 'ab\0cd'])('A-14: %j is refused', (text) => {
    expect(reasonOf(() => inject(text))).toBe('credential-invalid');
  });
});

test('a query holds any byte, percent-encoded', () => {
  const kind: Kind = { $case: 'query', value: { name: 'k y', value: Buffer.from('a\0\tb\xff', 'latin1') } };
  expect(injectCredential(grantOf(kind), injectableRequest({ query: 'a=1' })).query).toBe('a=1&k%20y=a%00%09b%FF');
});

test.each<[string, Kind]>([
  ['form field', { $case: 'formField', value: { name: '', value } }],
  ['member of JSON', { $case: 'jsonField', value: { pointer: 'no pointer', value } }],
  ['path of a token endpoint', { $case: 'oauthToken', value: { path: '', placeholder: 'x', expiresInSeconds: 1 } }],
  ['placeholder to give out', { $case: 'oauthToken', value: { path: '/x', placeholder: '', expiresInSeconds: 1 } }],
])('A-65: an injection that names no %s is refused', (_, kind) => {
  expect(reasonOf(() => injectCredential(grantOf(kind), injectableRequest()))).toBe('credential-invalid');
});

describe('several credentials', () => {
  const token: Kind = { $case: 'bearer', value: { token: Buffer.from('token-1') } };
  const cookie: Kind = { $case: 'cookie', value: { name: 'sid', value } };
  const json: Kind = { $case: 'jsonField', value: { pointer: '/a', value: Buffer.from('first') } };
  const more: Kind = { $case: 'jsonField', value: { pointer: '/b', value: Buffer.from('second') } };

  test('all go in, and all are kept from the agent', () => {
    const grant = grantOf(token, cookie, json, more);
    const request = injectableRequest({ headers: typed('application/json') });
    const injected = injectCredential(grant, request);
    expect(request.headers.get('authorization')).toBe('Bearer token-1');
    expect(request.headers.get('cookie')).toBe('sid=s3cret:1/x');
    expect(sent(injected, '{}')).toBe('{"a":"first","b":"second"}');
    expect(injected.secrets.map((secret) => secret.reveal())).toEqual(['token-1', 's3cret:1/x', 'first', 'second']);
    const again = injectableRequest({ headers: typed('application/json') });
    expect(injectCredential(grant, again).secrets).toBe(injected.secrets);
  });

  test('A-65: one that does not fit stops them all', () => {
    const broken: Kind = { $case: 'bearer', value: { token: Buffer.from('a\nb-c') } };
    expect(reasonOf(() => injectCredential(grantOf(cookie, broken), injectableRequest()))).toBe('credential-invalid');
    const unknown = { ...grantOf(cookie), injections: [{ kind: undefined }] };
    expect(reasonOf(() => injectCredential(unknown, injectableRequest()))).toBe('credential-invalid');
  });
});

describe('token endpoint', () => {
  const kind: Kind = {
    $case: 'oauthToken',
    value: { path: '/oauth/token', placeholder: 'sk_placeholder_0123456789abcdefghijkl', expiresInSeconds: 600 },
  };
  const form = (): HeaderList => typed('application/x-www-form-urlencoded');
  const at = ({ method = 'POST', ...changes }: Partial<InjectableRequest>): Injected => {
    const grant = { ...grantOf(kind), binding: Binding.fromPartial({ destination, method }) };
    return injectCredential(grant, injectableRequest({ path: '/oauth/token', headers: form(), method, ...changes }));
  };

  test('is answered with the placeholder', () => {
    const { reply } = at({});
    expect(reply?.status).toBe(200);
    expect(Object.fromEntries(reply?.headers ?? [])).toMatchObject({
      'Content-Type': 'application/json',
      'Content-Length': String(reply?.body.length),
      'Cache-Control': 'no-store',
      Pragma: 'no-cache',
    });
    expect(JSON.parse(reply?.body.toString() ?? '')).toEqual({
      access_token: 'sk_placeholder_0123456789abcdefghijkl',
      token_type: 'Bearer',
      expires_in: 600,
    });
  });

  test('what is no token request gets the error of RFC 6749', () => {
    for (const { reply } of [at({ headers: typed('application/json') }), at({ method: 'PUT' })]) {
      expect([reply?.status, reply?.body.toString()]).toEqual([400, '{"error":"invalid_request"}']);
    }
  });

  test('other paths are not answered', () => {
    expect(at({ path: '/oauth/revoke' }).reply).toBeUndefined();
  });
});
