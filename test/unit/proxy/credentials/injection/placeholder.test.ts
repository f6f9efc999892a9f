import { describe, expect, test } from 'vitest';
import { Grant, type Injection, type PlaceholderInjection } from '../../../../../proto/gen/sidekey/v1/grant.ts';
import { PlaceholderLocation, Route } from '../../../../../proto/gen/sidekey/v1/route.ts';
import {
  InjectionError,
  injectCredential,
  injectNothing,
  removeAgentCredentials,
} from '../../../../../proxy/credentials/inject.ts';
import { compileScrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { PlaceholderGuard } from '../../../../../proxy/credentials/injection/placeholder-guard.ts';
import { injectableRequest } from '../../../../support/protocols/injectable-request.ts';
import { onEveryCut, transformed } from '../../../../support/protocols/body-transform.ts';

const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
const MINE = `sk_placeholder_${'m'.repeat(43)}`;
const SHORTEST = `sk_placeholder_${'s'.repeat(22)}`;
const FORGED = `sk_placeholder_${'f'.repeat(43)}`;
const SECRET = 's3cret/1+2';
const AT = {
  header: PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER,
  query: PlaceholderLocation.PLACEHOLDER_LOCATION_QUERY,
  cookie: PlaceholderLocation.PLACEHOLDER_LOCATION_COOKIE,
  path: PlaceholderLocation.PLACEHOLDER_LOCATION_PATH,
  json: PlaceholderLocation.PLACEHOLDER_LOCATION_JSON,
  form: PlaceholderLocation.PLACEHOLDER_LOCATION_FORM,
} as const;

function grantAt(location: keyof typeof AT, name: string): Grant {
  const placeholder = {
    placeholders: ['sk_placeholder_of-the-other-workload--', MINE],
    place: { location: AT[location], name },
    value: Buffer.from(SECRET),
  };
  const injections: Injection[] = [{ kind: { $case: 'placeholder', value: placeholder } }];
  return { ...Grant.fromPartial({ binding: { destination, method: 'POST', path: '' } }), injections };
}

interface Parts {
  readonly path?: string;
  readonly query?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly hasBody?: boolean;
  readonly body?: string;
}

/** What would be sent, as one text; or the reason why not. */
function outcome(
  grant: Grant | undefined,
  { path = '/a', query, headers = [], hasBody = true, body = '' }: Parts,
): string {
  const list = HeaderList.from(headers);
  const request = injectableRequest({ path, headers: list, query, hasBody });
  try {
    const injected = grant === undefined ? injectNothing(request) : injectCredential(grant, request);
    const lines = [...list.entries()].map(([name, value]) => `${name}: ${value}`);
    const sent = injected.body === undefined ? body : transformed(injected.body, body, [7]);
    return [`${injected.path}?${injected.query ?? ''}`, ...lines, sent].join('\n');
  } catch (error) {
    if (error instanceof InjectionError) return error.reason;
    throw error;
  }
}

const JSON_TYPE = ['content-type', 'application/json'] as const;
const FORM_TYPE = ['content-type', 'application/x-www-form-urlencoded'] as const;

describe('the credential goes where the placeholder is', () => {
  test.each<[keyof typeof AT, string, Parts, string]>([
    ['header', 'Authorization', { headers: [['authorization', `Bearer ${MINE}`]] }, `Bearer ${SECRET}`],
    ['query', 'key', { query: `a=1&key=${MINE}` }, 'a=1&key=s3cret%2F1%2B2'],
    ['cookie', 'sid', { headers: [['cookie', `a=1; sid=${MINE}`]] }, `a=1; sid=${SECRET}`],
    ['path', '', { path: `/bot${MINE}/me` }, '/bots3cret%2F1+2/me'],
    ['json', '/auth/key', { headers: [JSON_TYPE], body: `{"auth":{"key":"${MINE}"}}` }, `{"auth":{"key":"${SECRET}"}}`],
    ['form', 'key', { headers: [FORM_TYPE], body: `a=1&key=${MINE}` }, 'a=1&key=s3cret%2F1%2B2'],
  ])('%s %s', (location, name, parts, expected) => {
    const sent = outcome(grantAt(location, name), parts);
    expect(sent).toContain(expected);
    expect(sent).not.toContain('sk_placeholder_');
  });

  test.each<[keyof typeof AT, string]>([
    ['header', 'Authorization'],
    ['cookie', 'sid'],
    ['query', 'key'],
    ['path', ''],
    ['json', '/k'],
    ['form', 'key'],
  ])('without one the call goes as it is: %s %s', (location, name) => {
    const given = { path: '/a', query: 'b=1', headers: [JSON_TYPE, ['cookie', 'c=1']], hasBody: false } as const;
    const sent = '/a?b=1\ncontent-type: application/json\ncookie: c=1\n';
    expect(outcome(grantAt(location, name), given)).toBe(sent);
    expect(outcome(grantAt(location, name), {})).toBe('/a?\n');
  });

  test('a body in which it cannot be seen is refused', () => {
    const headers = [JSON_TYPE, ['content-encoding', 'gzip']] as const;
    expect(outcome(grantAt('json', '/k'), { headers, body: '\x1f\x8b' })).toBe('injection-refused');
  });
});

const inHeader = grantAt('header', 'Authorization');
const atHeader: readonly [string, string] = ['Authorization', `Bearer ${MINE}`];

describe('A-17, A-18, A-19: any other placeholder is refused', () => {
  test.each<[string, Grant | undefined, Parts]>([
    ['forged', inHeader, { headers: [['authorization', `Bearer ${FORGED}`]] }],
    ['forged by a longer one', inHeader, { headers: [['authorization', `Bearer ${MINE}x`]] }],
    ['at another header', inHeader, { headers: [['x-other', MINE]] }],
    ['behind other headers', inHeader, { headers: [JSON_TYPE, JSON_TYPE, ['x-other', MINE]] }],
    ['in the query', inHeader, { query: `q=${MINE}` }],
    ['in the path', inHeader, { path: `/${MINE}` }],
    ['in a body', inHeader, { body: `{"say":"${MINE}"}` }],
    ['before a mark alone', inHeader, { body: `${MINE}, sk_placeholder_` }],
    ['as short as they are', inHeader, { body: SHORTEST }],
    ['twice: the header again', inHeader, { headers: [atHeader, atHeader] }],
    ['twice: within the header', inHeader, { headers: [['authorization', `${MINE} ${MINE}`]] }],
    ['twice: the body too', inHeader, { headers: [atHeader], body: `text ${MINE} text` }],
    ['twice in JSON', grantAt('json', '/k'), { headers: [JSON_TYPE], body: `{"k":"${MINE}","b":"${MINE}"}` }],
    ['at another member', grantAt('json', '/k'), { headers: [JSON_TYPE], body: `{"b":"${MINE}"}` }],
    ['in JSON of another type', grantAt('json', '/k'), { headers: [FORM_TYPE], body: `{"k":"${MINE}"}` }],
    ['as a name', grantAt('json', '/k'), { headers: [JSON_TYPE], body: `{"${MINE}":1}` }],
    ['twice in a form', grantAt('form', 'k'), { headers: [FORM_TYPE], body: `k=${MINE}&k=${MINE}` }],
    ['another cookie', grantAt('cookie', 'sid'), { headers: [['cookie', `other=${MINE}`]] }],
    ['another parameter', grantAt('query', 'key'), { query: `other=${MINE}` }],
    ['where a bearer token goes', bearerGrant(), { headers: [atHeader] }],
    ['on a call without a credential', undefined, { headers: [atHeader] }],
    ['in the body of such a call', undefined, { body: MINE }],
  ])('%s', (_, grant, parts) => {
    expect(outcome(grant, parts)).toMatch(/placeholder-refused$/);
  });

  test('a mark without its random part is no placeholder', () => {
    expect(outcome(undefined, { body: 'sk_placeholder_ is a prefix' })).toContain('is a prefix');
    const headers = [['x-note', 'sk_placeholder_ is a prefix of what agents hold']] as const;
    expect(outcome(undefined, { headers })).toContain('is a prefix');
  });

  test('long values without one pass', () => {
    const parts = {
      path: `/${'a%20b'.repeat(20)}`,
      query: `q=${'c%2Fd'.repeat(20)}`,
      headers: [['x', 'e'.repeat(99)]],
    } as const;
    expect(outcome(undefined, parts)).toBe(`${parts.path}?${parts.query}\nx: ${'e'.repeat(99)}\n`);
  });

  test.each([0, 100, 250, 300, 500, 2_000])('one that begins %i bytes into a piece of a body is found', (before) => {
    const body = `${'x'.repeat(before)}${MINE}${'y'.repeat(2_000)}`;
    for (let seen = 1; seen < MINE.length; seen += 1) {
      expect(transformed(new PlaceholderGuard(HeaderList.from([])), body, [before + seen]), `${seen}`).toBe(
        'placeholder-refused',
      );
    }
  });

  test.each([
    [MINE, 'stands where it is not for'],
    [`${MINE}, sk_placeholder_`, 'stands where it is not for'],
    [MINE.replace('k', '%6b'), 'is encoded, and stands where it is read in plain only'],
  ])('the message says of %s that it %s', (text, what) => {
    const guard = new PlaceholderGuard(HeaderList.from([]));
    expect(() => guard.push(Buffer.from(text))).toThrow(`a placeholder ${what}`);
  });
});

describe('encoded', () => {
  const basic = (user: string, password: string): string =>
    `Basic ${Buffer.from(`${user}:${password}`, 'latin1').toString('base64')}`;
  const sentIn = (grant: Grant, value: string): string => outcome(grant, { headers: [['authorization', value]] });

  test.each([
    ['the password', basic('me', MINE), basic('me', SECRET)],
    ['the user name', basic(MINE, ''), basic(SECRET, '')],
    [
      'part of the password, beside colons and other bytes',
      basic('\xe9', `a:${MINE} b`),
      basic('\xe9', `a:${SECRET} b`),
    ],
    ['the password up to a colon', basic('me', `${MINE}:b`), basic('me', `${SECRET}:b`)],
    ['the password, the scheme in lower case', basic('me', MINE).replace('Basic', 'basic'), basic('me', SECRET)],
  ])('in Basic it is %s', (_, given, expected) => {
    expect(sentIn(inHeader, given).toLowerCase()).toContain(expected.toLowerCase());
  });

  test.each([
    ['no colon', `Basic ${Buffer.from(MINE).toString('base64')}`],
    ['no padding', basic(MINE, '').replace(/=+$/, '')],
    ['a forged one', basic('me', FORGED)],
    ['two', basic(MINE, MINE)],
    ['another scheme', basic('me', MINE).replace('Basic', 'Token')],
  ])('in Basic with %s it is refused', (_, given) => {
    expect(sentIn(inHeader, given)).toBe('placeholder-refused');
  });

  test.each(['', 'm', 'me'])(
    'A-02: out in Basic behind %j, it is found in an echo that is encoded once more',
    (user) => {
      const headers = HeaderList.from([['Authorization', basic(user, MINE)]]);
      const { secrets } = injectCredential(inHeader, injectableRequest({ headers }));
      const echo = Buffer.from(headers.get('authorization') ?? '').toString('base64');
      expect(compileScrubber(secrets)?.scrubText(echo).hits).toBe(1);
    },
  );

  test('a credential with a colon cannot be a user name', () => {
    const grant = grantAt('header', 'Authorization');
    for (const { kind } of grant.injections)
      if (kind?.$case === 'placeholder') kind.value.value = Buffer.from('id:secret');
    expect(sentIn(grant, basic(MINE, ''))).toBe('injection-refused');
    expect(sentIn(grant, basic('me', MINE))).toContain(basic('me', 'id:secret'));
  });

  const hidden = [0, 1, 2, 3].flatMap((lead) =>
    [`${MINE}..`, SHORTEST].map((held) => Buffer.from('.'.repeat(lead) + held).toString('base64')),
  );
  test.each([
    ...hidden,
    ...hidden.map((text) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')),
    MINE.replace('k', '%6b'),
    MINE.replace('_', '%255F'),
    MINE.replace('p', '\\u0070'),
    MINE.replace('_', '&#95;'),
  ])('%s is refused in a body on every cut, and passes as bytes of no text where only text has it so', (text) => {
    const body = `{"a": "${text}"}`;
    const guard = (type: string) => () => new PlaceholderGuard(HeaderList.from([['content-type', type]]));
    expect(onEveryCut(guard('application/json'), body)).toBe('placeholder-refused');
    const isBase64 = hidden.some((one) => one.startsWith(text.slice(0, 8)));
    expect(onEveryCut(guard('application/octet-stream'), body)).toBe(isBase64 ? 'placeholder-refused' : body);
    const coded = () => new PlaceholderGuard(HeaderList.from([['content-encoding', ' GZIP ']]));
    expect(onEveryCut(coded, body)).toBe(isBase64 ? 'placeholder-refused' : body);
  });

  test.each([...hidden, MINE.replace('k', '%6b'), MINE.replace('_', '%255F'), MINE.replace('p', '\\u0070')])(
    '%s is refused in a head',
    (text) => {
      for (const parts of [{ path: `/${text}` }, { query: `a=${text}` }, { headers: [['x-a', text]] }] as const) {
        expect(outcome(inHeader, parts)).toBe('placeholder-refused');
      }
    },
  );

  test('text in base64 that only speaks of placeholders passes', () => {
    const body = Buffer.from('a string sk_placeholder_ and what follows it, as the manual says').toString('base64');
    expect(outcome(undefined, { body })).toContain(body);
  });
});

function bearerGrant(): Grant {
  const injections: Injection[] = [{ kind: { $case: 'bearer', value: { token: Buffer.from('token-1') } } }];
  return { ...inHeader, injections };
}

test('a placeholder in a credential place is left for injection, a credential is not', () => {
  const route = Route.fromPartial({ injectsCredential: true, credentialCookies: ['sid'] });
  const headers = HeaderList.from([atHeader, ['X-Api-Key', 'mine'], ['Cookie', `sid=${MINE}; sid=mine; theme=dark`]]);
  const { removed, query } = removeAgentCredentials({ headers, query: `api_key=${MINE}&access_token=mine` }, route);
  expect([...headers.entries()]).toEqual([atHeader, ['Cookie', `sid=${MINE}; theme=dark`]]);
  expect(query).toBe(`api_key=${MINE}`);
  expect(removed).toEqual(['cookie:sid', 'header:x-api-key', 'query:access_token']);
});

test.each<[keyof typeof AT, string, string]>([
  ['header', 'Authorization', 'a\nbcd'],
  ['header', 'Host', 'abcd'],
  ['cookie', 'sid', 'a;bcd'],
  ['path', '', 'ab\0cd'],
  ['path', '', '..'],
  ['json', 'no pointer', 'abcd'],
  ['json', '/k', '\u0000abcd'],
])('A-14: at %s %s, %j is refused', (location, name, text) => {
  const grant = grantAt(location, name);
  for (const { kind } of grant.injections) if (kind?.$case === 'placeholder') kind.value.value = Buffer.from(text);
  expect(outcome(grant, {})).toBe('credential-invalid');
});

test.each<[string, Partial<PlaceholderInjection>]>([
  ['has no place', { place: undefined }],
  ['is for no placeholder', { placeholders: [] }],
  ['is for a place of a newer control plane', { place: { location: 99 as 1, name: '' } }],
  ...(['path', 'json', 'form'] as const).map((location): [string, Partial<PlaceholderInjection>] => [
    `is too short to be kept from the agent: ${location}`,
    { place: { location: AT[location], name: '/k' }, value: Buffer.from('abc') },
  ]),
])('a credential that %s is not used', (_what, changes) => {
  const grant = grantAt('json', '/k');
  for (const { kind } of grant.injections) if (kind?.$case === 'placeholder') Object.assign(kind.value, changes);
  expect(outcome(grant, {})).toBe('credential-invalid');
});
