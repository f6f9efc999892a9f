import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { canonicalQuery, sha256Hex } from '../../proxy/credentials/signing/aws-canonical.ts';
import { planAwsSignature, signAwsRequest } from '../../proxy/credentials/signing/aws-request.ts';
import { InjectionError } from '../../proxy/credentials/injection-error.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { canonicalOf } from '../support/protocols/confusing-path.ts';
import { type ReceivedRequest, verifyAwsSignature } from '../support/upstreams/aws-verifier.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(3);
const DEADLINE_MS = (SECONDS + 60) * 1000;
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const PYTHON = '/usr/bin/python3';

const char = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...'aZ09-._~') },
  { weight: 3, arbitrary: fc.constantFrom(...'!$&\'()*,=:@%"<>^`{|}[] /?#+;') },
  { weight: 1, arbitrary: fc.constantFrom('é', 'ሴ', '😀') },
);
const text = fc.string({ unit: char, maxLength: 8 });
/** One of the many ways to write a text in a URL. */
const spelled = fc.tuple(text, fc.boolean(), fc.boolean()).map(([value, lower, bare]) => {
  const encoded = bare ? encodeURI(value).replaceAll(/[/?#+;&=]/g, encodeURIComponent) : encodeURIComponent(value);
  return lower ? encoded.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()) : encoded;
});
const pair = fc
  .tuple(spelled, fc.option(spelled))
  .map(([name, value]) => `q${name}${value === null ? '' : `=${value}`}`);
const fieldValue = fc.string({ unit: fc.constantFrom(...'ab  \t,;="é'), maxLength: 12 });
const request = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE'),
  service: fc.constantFrom('s3', 'execute-api', 'dynamodb'),
  path: fc.array(spelled, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
  query: fc.option(
    fc.array(pair, { minLength: 1, maxLength: 4 }).map((pairs) => pairs.join('&')),
    { nil: undefined },
  ),
  headers: fc.array(fc.tuple(fc.constantFrom('X-Amz-Meta-A', 'x-amz-target', 'Content-Type', 'X-Custom'), fieldValue), {
    maxLength: 4,
  }),
  body: fc.string({ maxLength: 20 }),
});
type Generated = typeof request extends fc.Arbitrary<infer T> ? T : never;

/** The request signed by the proxy's signer and as a server would receive it; undefined when its path is refused. */
function signed(generated: Generated): ReceivedRequest | undefined {
  const { method, service, query, body } = generated;
  const path = canonicalOf(generated.path);
  if (path === undefined) return undefined;
  const headers = HeaderList.from(generated.headers);
  if (service === 's3') headers.set('x-amz-content-sha256', sha256Hex(Buffer.from(body)));
  const credential = {
    accessKeyId: KEY.accessKeyId,
    secretAccessKey: new Secret(KEY.secretAccessKey),
    sessionToken: undefined,
  };
  const signing = { credential, algorithm: 'AWS4-HMAC-SHA256', service, regions: ['eu-central-1'] } as const;
  const agent = {
    algorithm: 'AWS4-HMAC-SHA256',
    regions: ['eu-central-1'],
    service,
    signedHeaders: new Set(['x-custom']),
  } as const;
  const outgoing = { method, authority: 'host.example.com', path, query, headers, hasBody: body !== '' };
  signAwsRequest(planAwsSignature(signing, agent, outgoing), outgoing, 1_440_938_160_000, sha256Hex(Buffer.from(body)));
  const received: Record<string, string> = { host: 'host.example.com' };
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    // Trimmed as HTTP parsers do (RFC 9110 section 5.5).
    received[lower] = [...(received[lower] === undefined ? [] : [received[lower]]), value.trim()].join(',');
  }
  return {
    method,
    target: query === undefined ? path : `${path}?${query}`,
    headers: received,
    body: Buffer.from(body),
  };
}

describe('SigV4 canonical requests', () => {
  test(
    'are those of @smithy/signature-v4',
    async () => {
      const property = fc.asyncProperty(request, async (generated) => {
        const received = signed(generated);
        if (received === undefined) return;
        // Smithy reads header values as UTF-8, we as the bytes that they are.
        if (Object.values(received.headers).some((value) => /[^\x00-\x7f]/.test(value))) return;
        expect(await verifyAwsSignature(received, KEY)).toBeUndefined();
      });
      await fc.assert(property, TIME_BOX);
    },
    DEADLINE_MS,
  );

  test(
    'a canonical query is canonical, and any text gives one or an InjectionError',
    () => {
      const property = fc.property(fc.string({ unit: char, maxLength: 40 }), (query) => {
        try {
          const canonical = canonicalQuery(query);
          expect(canonicalQuery(canonical)).toBe(canonical);
          expect(canonical).toMatch(/^(?:(?:[A-Za-z0-9\-._~=&]|%[0-9A-F]{2})*)$/);
        } catch (error) {
          if (!(error instanceof InjectionError)) throw error;
        }
      });
      fc.assert(property, TIME_BOX);
    },
    DEADLINE_MS,
  );

  test.skipIf(spawnSync(PYTHON, ['-c', 'import botocore']).status !== 0)(
    'are those of botocore (needs python3-botocore)',
    () => {
      const received = fc
        .sample(request, 300)
        .map(signed)
        .filter((one) => one !== undefined)
        .filter(({ headers }) => !Object.values(headers).some((value) => /[^\x00-\x7f]/.test(value)));
      const lines = received.map(({ body, ...rest }) =>
        JSON.stringify({ ...rest, body: Buffer.from(body).toString() }),
      );
      const run = spawnSync(
        PYTHON,
        ['test/support/upstreams/botocore-verifier.py', KEY.accessKeyId, KEY.secretAccessKey],
        {
          input: lines.join('\n'),
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
      expect(run.stderr).toBe('');
      expect(run.stdout.trim()).toBe(`${received.length} verified`);
    },
    DEADLINE_MS,
  );
});
