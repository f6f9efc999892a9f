import { describe, expect, test } from 'vitest';
import { mentions, parseTemplate } from '../../../../../common/hmac-template.ts';
import { Secret } from '../../../../../common/secret.ts';
import { type HmacSpec, prepareHmac, signHmacRequest } from '../../../../../proxy/credentials/signing/hmac-request.ts';
import { InjectionError } from '../../../../../proxy/credentials/injection-error.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

interface Given {
  readonly spec: Partial<HmacSpec>;
  readonly key?: string;
  readonly body?: string;
  readonly nowMs?: number;
  readonly path?: string;
  readonly query?: string;
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

function sign({ spec, key = 'key', body = '', nowMs = 0, path = '/', query, method = 'POST', headers }: Given) {
  const whole: HmacSpec = {
    algorithm: 'sha256',
    encoding: 'hex',
    timestamp: 'seconds',
    signed: '{{body}}',
    headers: [{ name: 'X-Signature', value: '{{signature}}' }],
    ...spec,
  };
  const signing = prepareHmac(whole, new Secret(key));
  const list = HeaderList.from(headers ?? []);
  const request = { method, authority: 'api.example.com', path, query, headers: list };
  signHmacRequest(signing, request, { nowMs, nonce: 'n0nce', body: Buffer.from(body) });
  return { list, signing };
}

describe('HMAC signatures that are published', () => {
  test('RFC 4231 test case 2', () => {
    const { list } = sign({ spec: {}, key: 'Jefe', body: 'what do ya want for nothing?' });
    expect(list.get('x-signature')).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  test('GitHub: "Validating webhook deliveries"', () => {
    const spec = { headers: [{ name: 'X-Hub-Signature-256', value: 'sha256={{signature}}' }] };
    const { list } = sign({ spec, key: "It's a Secret to Everybody", body: 'Hello, World!' });
    expect(list.get('x-hub-signature-256')).toBe(
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    );
  });

  test('Slack: "Verifying requests from Slack"', () => {
    const { list } = sign({
      spec: {
        signed: 'v0:{{timestamp}}:{{body}}',
        headers: [
          { name: 'X-Slack-Request-Timestamp', value: '{{timestamp}}' },
          { name: 'X-Slack-Signature', value: 'v0={{signature}}' },
        ],
      },
      key: '8f742231b10e8888abcd99yyyzzz85a5',
      nowMs: 1_531_420_618_000,
      body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    });
    expect(list.get('x-slack-signature')).toBe('v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503');
    expect(list.get('x-slack-request-timestamp')).toBe('1531420618');
  });
});

describe('templates', () => {
  test('every variable', () => {
    const value =
      '{{method}} {{path}} {{query}} {{target}} {{host}} {{timestamp}} {{ nonce }} {{bodySha256}} {{header:X-A}} {{signature}}';
    const { list, signing } = sign({
      spec: { timestamp: 'iso8601', headers: [{ name: 'X-All', value }], signed: 'x' },
      path: '/v1/orders',
      query: 'limit=1',
      headers: [
        ['X-A', '1'],
        ['x-a', '2'],
        ['X-All', "the agent's"],
      ],
    });
    expect(signing.needsWholeBody).toBe(true);
    expect(list.getAll('x-all')).toHaveLength(1);
    expect(list.get('x-all')?.slice(0, -65)).toBe(
      'POST /v1/orders limit=1 /v1/orders?limit=1 api.example.com 1970-01-01T00:00:00.000Z n0nce ' +
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 1, 2',
    );
  });

  test('a target without a query has no question mark, a query that is not there is empty', () => {
    const value = `{{target}}|{{query}}|{{header: ${'a'.repeat(128)} }}|{{signature}}`;
    const { list } = sign({ spec: { headers: [{ name: 'X', value }] }, headers: [['a'.repeat(128), 'b']] });
    expect(list.get('x')).toMatch(/^\/[^?|]*\|\|b\|[0-9a-f]+$/);
  });

  test.each(['seconds', 'milliseconds', 'iso8601'] as const)('a time in %s', (timestamp) => {
    const { list } = sign({
      spec: { timestamp, headers: [{ name: 'A', value: '{{timestamp}},{{signature}}' }] },
      nowMs: 1999,
    });
    const [shown] = (list.get('a') ?? '').split(',');
    expect(shown).toBe({ seconds: '1', milliseconds: '1999', iso8601: '1970-01-01T00:00:01.999Z' }[timestamp]);
  });

  test('a body is needed only where it is named', () => {
    expect(sign({ spec: { signed: '{{timestamp}}{{method}}{{target}}' } }).signing.needsWholeBody).toBe(false);
    expect(
      sign({ spec: { headers: [{ name: 'A', value: '{{signature}}{{bodySha256}}' }] } }).signing.needsWholeBody,
    ).toBe(true);
    expect(mentions([], 'body')).toBe(false);
  });

  test.each([
    ['{{nope}}', /unknown/],
    ['{{header:a b}}', /names no header/],
    ['{{header:}}', /names no header/],
    [`{{header:${'a'.repeat(129)}}}`, /names no header/],
    ['{{body', /not closed/],
    ['{{method}}a{{body', /not closed/],
    ['{{method}}}}{{body}}', /not closed/],
    ['a}}', /not closed/],
  ])('%s is refused in words', (text, message) => {
    expect(parseTemplate(text)).toMatch(message);
    expect(() => sign({ spec: { signed: text } })).toThrow(InjectionError);
  });

  test.each<[string, Given]>([
    ['credential-invalid', { spec: { headers: [{ name: 'A', value: '{{timestamp}}' }] } }],
    ['credential-invalid', { spec: { signed: '{{signature}}' } }],
    ['credential-invalid', { spec: {}, key: '' }],
    ['signature-refused', { spec: { signed: '{{header:X-Missing}}' } }],
    ['signature-refused', { spec: { headers: [{ name: 'A', value: '{{body}}{{signature}}' }] }, body: 'a\r\nB: c' }],
  ])('%s', (reason, given) => {
    expect(() => sign(given)).toThrow(expect.objectContaining({ reason }));
  });
});
