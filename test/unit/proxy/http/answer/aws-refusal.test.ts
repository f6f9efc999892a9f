import { describe, expect, it } from 'vitest';
import { awsRefusal } from '../../../../../proxy/http/answer/aws-refusal.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const input = { reason: 'rule-denied', message: 'a <b> & \u0001', decisionId: 'd1', accessPolicy: 'p' } as const;
const S3: [string, string] = ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'];
const TARGET: [string, string] = ['x-amz-target', 'AmazonSQS.ListQueues'];
const refusal = (...fields: [string, string][]) => awsRefusal(input, HeaderList.from(fields));

describe('a refusal of a request of AWS', () => {
  it('is an error of S3, whatever its message holds', () => {
    const { status, headers, body } = refusal(S3) ?? {};
    expect(status).toBe(403);
    expect(Object.fromEntries(headers ?? [])).toMatchObject({
      'Content-Type': 'application/xml',
      'Content-Length': String(body?.length),
      'Proxy-Status': expect.stringContaining('rule-denied') as unknown,
    });
    expect(body?.toString()).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<Error><Code>rule-denied</Code><Message>a &lt;b> &amp; ?</Message><RequestId>d1</RequestId></Error>\n',
    );
  });

  it.each([[[TARGET]], [[TARGET, S3]]])('is one in JSON where the service speaks that', (fields) => {
    const { status, body } = refusal(...fields) ?? {};
    expect(status).toBe(403);
    expect(JSON.parse(body?.toString() ?? '')).toMatchObject({
      __type: 'rule-denied',
      message: input.message,
      code: 'rule-denied',
      accessPolicy: 'p',
    });
  });

  it('is none for other requests', () => {
    expect(refusal(['accept', '*/*'])).toBeUndefined();
  });
});
