import { describe, expect, it } from 'vitest';
import { judge } from '../../../cli/doctor-verdict.ts';

const STATUS = 'sidekey; error=http_request_denied; details="policy-denied"';

describe('judge', () => {
  it.each([
    ['curl', `HTTP/2 403 \r\nproxy-status: ${STATUS}\r\n`],
    ['git', `< Proxy-Status: ${STATUS}\nfatal: unable to access: The requested URL returned error: 403`],
    ['go', `http2: decoded hpack field header field "proxy-status" = "${STATUS.replaceAll('"', '\\"')}"`],
    ['aws', `Response headers: {'Proxy-Status': '${STATUS}'}\n(403) when calling the ListBuckets operation`],
    ['a body', '{"type":"urn:sidekey:reason:rule-denied","status":403}'],
  ])('knows Sidekey’s denial as %s shows it', (_, output) => {
    expect(judge(1, output)).toEqual({ verdict: 'covered', detail: '' });
  });

  it.each([
    'fatal: unable to access: The requested URL returned error: 403',
    'reading https://api.example.com/x: 403 Forbidden',
    'An error occurred (403) when calling the ListBuckets operation: Forbidden',
    'HTTP/2 403\r\n\r\n{"error":"policy-denied"}',
  ])('does not take a real API’s 403 for it: %s', (output) => {
    expect(judge(1, output).verdict).toBe('failed');
  });

  it.each([
    '* SSL certificate verify ok.\n< Proxy-Status: sidekey; error=http_request_denied; details="workload-revoked"\nerror: 403',
    '{"type":"urn:sidekey:reason:workload-revoked","status":403}',
  ])('names the reason of another answer of Sidekey: %s', (output) => {
    const detail = 'Sidekey answered workload-revoked, which is no denial by policy: mend that first';
    expect(judge(1, output)).toEqual({ verdict: 'failed', detail });
  });

  it.each([
    [undefined, '', 'not installed'],
    [1, 'curl: (56) CONNECT tunnel failed, response 403', 'no route'],
    [1, 'SSL certificate problem: unable to get local issuer certificate', 'does not trust the proxy'],
    [6, 'curl: (6) Could not resolve host: sidekey-doctor.example.com', 'not through the proxy'],
    [0, 'hello', 'failed'],
  ])('%j with %j is: %s', (code, output, verdict) => {
    expect(judge(code, output).verdict).toBe(verdict);
  });

  it.each([
    ['curl: (7) Failed to connect\n', 'curl: (7) Failed to connect'],
    [
      "TypeError: fetch failed\n    at node:internal {\n  [cause]: Error: read ECONNRESET\n      at TCP.on {\n    errno: -104,\n    code: 'ECONNRESET'\n  }\n}\n\nNode.js v20.20.2\n",
      '[cause]: Error: read ECONNRESET',
    ],
    [
      "node:internal/url:816\n\nTypeError: Invalid URL\n    at new URL\n  code: 'E',\n}\n\nNode.js v20.20.2",
      'TypeError: Invalid URL',
    ],
  ])('tells what a tool says of its failure, not what stands last: %j', (output, detail) => {
    expect(judge(1, output)).toEqual({ verdict: 'failed', detail });
  });
});
