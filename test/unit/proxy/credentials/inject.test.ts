import { describe, expect, test } from 'vitest';
import { Grant, type Injection } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import {
  type InjectableRequest,
  injectCredential,
  removeAgentCredentials,
} from '../../../../proxy/credentials/inject.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';
import { injectableRequest, reasonOf } from '../../../support/protocols/injectable-request.ts';

const destination = { scheme: 'https', host: 'api.example.com', port: 443 };

function grantOf(kind: Injection['kind'], binding: Record<string, unknown> = {}): Grant {
  return {
    ...Grant.fromPartial({ id: 'g1', binding: { destination, method: 'GET', path: '', ...binding } }),
    injections: kind === undefined ? [] : [{ kind }],
  };
}

function requestOf(changes: Partial<InjectableRequest> = {}): InjectableRequest {
  return injectableRequest({ method: 'GET', ...changes });
}

const bearer = (token: string) => grantOf({ $case: 'bearer', value: { token: Buffer.from(token, 'latin1') } });

describe('injection', () => {
  test('bearer', () => {
    const request = requestOf({ query: 'a=1' });
    const { query, secrets } = injectCredential(bearer('tok.en-1'), request);
    expect(request.headers.get('authorization')).toBe('Bearer tok.en-1');
    expect(query).toBe('a=1');
    expect(secrets.map((secret) => secret.reveal())).toEqual(['tok.en-1']);
  });

  test('basic: the password and the whole pair are kept from the agent', () => {
    const request = requestOf();
    const password = Buffer.from('pässword');
    const { secrets } = injectCredential(grantOf({ $case: 'basic', value: { username: 'u', password } }), request);
    const pair = Buffer.from('u:pässword').toString('base64');
    expect(request.headers.get('authorization')).toBe(`Basic ${pair}`);
    expect(secrets.map((secret) => secret.reveal())).toEqual(['pässword', pair]);
  });

  test('header with a prefix replaces what is there', () => {
    const request = requestOf({ headers: HeaderList.from([['x-api-key', 'agent']]) });
    const value = { name: 'X-Api-Key', prefix: 'v1 ', suffix: '', value: Buffer.from('key-1234') };
    injectCredential(grantOf({ $case: 'header', value }), request);
    expect(request.headers.getAll('x-api-key')).toEqual(['v1 key-1234']);
  });

  test('query: percent-encoded, behind what is there', () => {
    const grant = grantOf({ $case: 'query', value: { name: 'api key', value: Buffer.from('a&b=c d%/é') } });
    expect(injectCredential(grant, requestOf()).query).toBe('api%20key=a%26b%3Dc%20d%25%2F%C3%A9');
    expect(injectCredential(grant, requestOf({ query: 'x=1' })).query).toMatch(/^x=1&api%20key=/);
  });

  test('a grant without a credential changes nothing', () => {
    const request = requestOf();
    const injected = injectCredential(grantOf(undefined), request);
    expect([injected.path, injected.query, injected.secrets]).toEqual(['/a', undefined, []]);
    expect(request.headers.size).toBe(0);
  });

  test('one grant gives one array of secrets, so that the scrubber is compiled once', () => {
    const grant = bearer('token-1');
    expect(injectCredential(grant, requestOf()).secrets).toBe(injectCredential(grant, requestOf()).secrets);
  });

  test.each<[string, Partial<InjectableRequest>]>([
    ['host', { destination: { ...destination, host: 'evil.example.com' } }],
    ['port', { destination: { ...destination, port: 8443 } }],
    ['scheme', { destination: { ...destination, scheme: 'http' }, cleartextAllowed: true }],
    ['method', { method: 'POST' }],
    ['path', { path: '/b' }],
  ])('A-20: a grant for another %s is refused and leaves the request alone', (_, changes) => {
    const grant = { ...bearer('token-1') };
    grant.binding = { ...grantOf(undefined, { path: '/a' }).binding } as Grant['binding'];
    const request = requestOf(changes);
    expect(reasonOf(() => injectCredential(grant, request))).toBe('binding-mismatch');
    expect(request.headers.size).toBe(0);
  });

  test('a grant for this very path is for this call', () => {
    const grant = { ...bearer('token-1'), binding: grantOf(undefined, { path: '/a' }).binding };
    expect(reasonOf(() => injectCredential(grant, requestOf()))).toBe('ok');
  });

  test.each([
    ['to nothing', undefined],
    ['to no destination', grantOf(undefined, { destination: undefined }).binding],
  ])('a grant that is bound %s is refused', (_, binding) => {
    expect(reasonOf(() => injectCredential({ ...bearer('token-1'), binding }, requestOf()))).toBe('binding-mismatch');
  });

  test('A-64: cleartext only where the route allows it', () => {
    const http = { ...destination, scheme: 'http', port: 80 };
    const grant = { ...bearer('token-1'), binding: grantOf(undefined, { destination: http }).binding };
    expect(reasonOf(() => injectCredential(grant, requestOf({ destination: http })))).toBe('cleartext-refused');
    expect(reasonOf(() => injectCredential(grant, requestOf({ destination: http, cleartextAllowed: true })))).toBe(
      'ok',
    );
    const token = { path: '/token', placeholder: 'sk_placeholder_1', expiresInSeconds: 60 };
    const harmless: Injection = { kind: { $case: 'oauthToken', value: token } };
    const [no, one] = [[harmless], [harmless, ...grant.injections]].map((injections) =>
      reasonOf(() => injectCredential({ ...grant, injections }, requestOf({ destination: http }))),
    );
    expect([no, one]).toEqual(['ok', 'cleartext-refused']);
  });

  test.each(['a\r\nX: y', 'a\nb', 'abc\0d', 'with space', 'caf\xe9', '', 'abc'])(
    'A-14: bearer token %j is refused',
    (token) => {
      expect(reasonOf(() => injectCredential(bearer(token), requestOf()))).toBe('credential-invalid');
    },
  );

  test.each<[string, Injection['kind']]>([
    [
      'header value with CR',
      { $case: 'header', value: { name: 'X-K', prefix: '', suffix: '', value: Buffer.from('abcd\r') } },
    ],
    [
      'header value with a leading space',
      { $case: 'header', value: { name: 'X-K', prefix: '', suffix: '', value: Buffer.from(' abcd') } },
    ],
    [
      'header prefix with LF',
      { $case: 'header', value: { name: 'X-K', prefix: 'a\n', suffix: '', value: Buffer.from('abcd') } },
    ],
    [
      'header name with colon',
      { $case: 'header', value: { name: 'X:K', prefix: '', suffix: '', value: Buffer.from('abcd') } },
    ],
    [
      'Host as header',
      { $case: 'header', value: { name: 'HOST', prefix: '', suffix: '', value: Buffer.from('abcd') } },
    ],
    [
      'Content-Length as header',
      { $case: 'header', value: { name: 'Content-Length', prefix: '', suffix: '', value: Buffer.from('1234') } },
    ],
    ['user name with colon', { $case: 'basic', value: { username: 'a:b', password: Buffer.from('pass') } }],
    ['password with LF', { $case: 'basic', value: { username: 'a', password: Buffer.from('pa\nss') } }],
    ['query without a name', { $case: 'query', value: { name: '', value: Buffer.from('pass') } }],
  ])('A-14: %s is refused', (_, kind) => {
    expect(reasonOf(() => injectCredential(grantOf(kind), requestOf()))).toBe('credential-invalid');
  });

  test('A-65: an injection of a kind that this proxy does not know is refused, not skipped', () => {
    const unknown = { $case: 'signature', value: {} } as unknown as Injection['kind'];
    expect(reasonOf(() => injectCredential(grantOf(unknown), requestOf()))).toBe('credential-invalid');
  });

  test('A-37: errors never hold the credential', () => {
    try {
      injectCredential(bearer('sekret\r\nvalue'), requestOf());
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain('sekret');
    }
  });
});

describe('what the agent may not say', () => {
  const injecting = Route.fromPartial({ injectsCredential: true });
  const plain = Route.fromPartial({});

  test('A-16, A-38: credentials go from a route that injects, and are reported by name', () => {
    const headers = HeaderList.from([
      ['Authorization', 'Bearer mine'],
      ['authorization', 'Bearer other'],
      ['X-API-Key', 'k'],
      ['X_Api_Key', 'k'],
      ['Cookie', 'session=1'],
      ['Accept', '*/*'],
    ]);
    const { removed, query } = removeAgentCredentials({ headers, query: 'a=1&access_token=x&b=2' }, injecting);
    expect(headers.names).toEqual(['Accept']);
    expect(query).toBe('a=1&b=2');
    expect(removed.sort()).toEqual([
      'header:authorization',
      'header:cookie',
      'header:x-api-key',
      'header:x_api_key',
      'query:access_token',
    ]);
  });

  test('places that the route names go too', () => {
    const route = Route.fromPartial({
      injectsCredential: true,
      credentialHeaders: ['X-Acme'],
      credentialQueryParameters: ['Key'],
    });
    const headers = HeaderList.from([['x-acme', '1']]);
    expect(removeAgentCredentials({ headers, query: 'key=1' }, route)).toMatchObject({
      removed: ['header:x-acme', 'query:key'],
      query: undefined,
    });
    expect(headers.size).toBe(0);
  });

  test.each<[string, string | undefined]>([
    ['access_token=1', undefined],
    ['access%5Ftoken=1&a=2', 'a=2'],
    ['ACCESS_TOKEN=1&a=2', 'a=2'],
    ['%61ccess_token', undefined],
    ['api_key[]=1&a=2', 'a=2'],
    ['a=2;api_key=1', 'a=2'],
    ['a=2&&api_key=1&', 'a=2&&'],
    ['my_api_key=1', 'my_api_key=1'],
    ['a=access_token', 'a=access_token'],
    ['%zz=1&%', '%zz=1&%'],
    ['', ''],
  ])('query %j becomes %j', (query, left) => {
    expect(removeAgentCredentials({ headers: HeaderList.from([]), query }, injecting).query).toBe(left);
  });

  test.each(['_method', 'X-HTTP-Method-Override', 'x-http-method', 'x%2Dmethod-override'])(
    'A-21: %s in the query goes, also where nothing is injected',
    (name) => {
      const head = { headers: HeaderList.from([]), query: `a=1&${name}=DELETE` };
      expect(removeAgentCredentials(head, plain).query).toBe('a=1');
    },
  );

  test('A-34, A-39, A-62: proxy tokens and claims of identity or of another target go everywhere', () => {
    const headers = HeaderList.from([
      ['Proxy-Authorization', 'Basic x'],
      ['X-Forwarded-User', 'root'],
      ['X-Forwarded-Host', 'evil'],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['Authorization', 'Bearer mine'],
    ]);
    const { removed, query } = removeAgentCredentials({ headers, query: 'access_token=1' }, plain);
    expect(headers.names).toEqual(['Authorization']);
    expect(query).toBe('access_token=1');
    expect(removed).toEqual(['header:x-forwarded-user', 'header:x-forwarded-host', 'header:x-http-method-override']);
  });
});
