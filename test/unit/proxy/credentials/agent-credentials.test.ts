import { expect, test } from 'vitest';
import { Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { removeAgentCredentials } from '../../../../proxy/credentials/agent-credentials.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

const injecting = Route.fromPartial({ injectsCredential: true });
const withCookie = Route.fromPartial({ injectsCredential: true, credentialCookies: ['sid'] });

function withCookies(route: Route | undefined, ...lines: readonly string[]) {
  const headers = HeaderList.from(lines.map((line) => ['cookie', line]));
  const { removed } = removeAgentCredentials({ headers, query: undefined }, route);
  return [headers.getAll('cookie'), removed];
}

test.each([
  [['sid=mine; theme=dark'], ['theme=dark'], ['cookie:sid']],
  [['a=1; sid=mine; ;', 'sid=again; b=2'], ['a=1; b=2'], ['cookie:sid']],
  [['sid=mine'], [], ['cookie:sid']],
  [['theme=dark'], ['theme=dark'], []],
  // "à" in UTF-8, whose last byte is a blank in Latin-1.
  [['sid=mine; city=Cefal\xc3\xa0', ' b=\xa0'], ['city=Cefal\xc3\xa0; b=\xa0'], ['cookie:sid']],
  [[], [], []],
])('A-16 where a cookie is the credential, it alone goes: %j', (lines, left, removed) => {
  expect(withCookies(withCookie, ...lines)).toEqual([left, removed]);
});

test('A-16 where a cookie is the credential, no other credential stays', () => {
  const headers = HeaderList.from([
    ['authorization', 'Bearer mine'],
    ['x-api-key', 'mine'],
    ['cookie', 'theme=dark'],
  ]);
  removeAgentCredentials({ headers, query: undefined }, withCookie);
  expect(headers.names).toEqual(['cookie']);
});

test('all cookies go where another thing is the credential, and none where nothing is injected', () => {
  expect(withCookies(injecting, 'theme=dark')).toEqual([[], ['header:cookie']]);
  const plain = Route.fromPartial({ credentialCookies: ['sid'] });
  expect(withCookies(plain, 'sid=mine')).toEqual([['sid=mine'], []]);
  expect(withCookies(undefined, 'sid=mine')).toEqual([['sid=mine'], []]);
});

test.each([
  ['a&access_token=x', 'a', ['query:access_token']],
  ['api_key=1&api_key=2&b=3', 'b=3', ['query:api_key']],
  // Signed URLs: of Azure Storage, and Google's of version 2.
  ['sv=2024-11-04&sp=rw&sig=own', 'sv=2024-11-04&sp=rw', ['query:sig']],
  ['GoogleAccessId=own&Expires=1', 'Expires=1', ['query:googleaccessid']],
  // CGI.pm of Perl and ASP.NET read these.
  ['%u0061pi_key=own&%u005Fmethod=PUT&a=1', 'a=1', ['query:api_key', 'query:_method']],
  // URLSearchParams leaves out a "?" in front.
  ['?api_key=own&a=1', 'a=1', ['query:api_key']],
  ['?a=1', '?a=1', []],
  ['_method=PUT&api_key=1', undefined, ['query:_method', 'query:api_key']],
  ['_method=1&a=2&_method=2', 'a=2', ['query:_method']],
  ['&a=1;', '&a=1;', []],
  ['', '', []],
])('A-16, A-21 of the query "%s" is left %j', (query, left, removed) => {
  expect(removeAgentCredentials({ headers: HeaderList.from([]), query }, injecting)).toMatchObject({
    query: left,
    removed,
  });
});

test.each(['x-custom', 'x-', 'original-url', 'ssl-', 'amzn-oidc-data'])('%s is nothing but a field', (name) => {
  const headers = HeaderList.from([[name, '1']]);
  expect(removeAgentCredentials({ headers, query: undefined }, injecting).removed).toEqual([]);
  expect(headers.names).toEqual([name]);
});

test.each(['x-ssl-client-cert', 'x-original-url', 'X-Forwarded-Proto', 'x-amzn-mtls-clientcert'])(
  'A-34, A-39 %s goes with its family',
  (name) => {
    const headers = HeaderList.from([[name, '1']]);
    removeAgentCredentials({ headers, query: undefined }, undefined);
    expect(headers.size).toBe(0);
  },
);
