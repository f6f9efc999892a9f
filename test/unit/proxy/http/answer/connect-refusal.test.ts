import { describe, expect, it } from 'vitest';
import { connectRefusal } from '../../../../../proxy/http/answer/connect-refusal.ts';
import { grpcRefusal } from '../../../../../proxy/http/answer/grpc-status.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';

const input = { reason: 'rule-denied', message: 'no "rule" fits: ä', decisionId: 'd1' } as const;
const told = 'rule-denied: no "rule" fits: ä (decision d1)';
const refusal = (...fields: [string, string][]) =>
  connectRefusal(input, asked('/acme.v1.Inventory/GetItem', ...fields));
const asked = (target: string, ...fields: [string, string][]) => ({ target, headers: HeaderList.from(fields) });

describe('a refusal of a call of Connect', () => {
  it('is an error in JSON', () => {
    const { status, headers, body } =
      refusal(['content-type', 'application/proto'], ['connect-protocol-version', '1']) ?? {};
    expect(status).toBe(403);
    expect(Object.fromEntries(headers ?? [])).toMatchObject({
      'Content-Type': 'application/json',
      'Proxy-Status': expect.stringContaining('rule-denied') as unknown,
    });
    expect(JSON.parse(String(body))).toEqual({ code: 'permission_denied', message: told });
  });

  it('is one that may be tried again where it may', () => {
    const head = asked('/acme.v1.Inventory/GetItem?connect=v1&encoding=proto');
    const { status, body } = connectRefusal({ reason: 'overloaded', message: 'wait' }, head) ?? {};
    expect([status, JSON.parse(String(body)).code]).toEqual([503, 'unavailable']);
  });

  it.each(['application/connect+proto', 'Application/Connect+JSON'])('of %s is the end of its stream', (type) => {
    const { status, headers, body = Buffer.alloc(0) } = refusal(['content-type', type]) ?? {};
    expect(status).toBe(200);
    expect(Object.fromEntries(headers ?? [])).toMatchObject({
      'Content-Type': type,
      'Content-Length': `${body.length}`,
    });
    expect([body[0], body.readUInt32BE(1)]).toEqual([2, body.length - 5]);
    expect(JSON.parse(body.toString('utf8', 5))).toEqual({ error: { code: 'permission_denied', message: told } });
  });

  it('is none for other requests', () => {
    expect(refusal(['content-type', 'application/json'])).toBeUndefined();
    expect(refusal()).toBeUndefined();
  });
});

describe('a refusal of a call of gRPC', () => {
  const trailersOnly = (type: string): HeaderList | undefined =>
    grpcRefusal(new Refusal('rule-denied', 'no'), 'd1', HeaderList.from([['content-type', type]]));

  it.each([
    ['application/grpc', 'application/grpc'],
    ['application/grpc+proto', 'application/grpc'],
    ['application/grpc-web+proto', 'application/grpc-web'],
    ['Application/gRPC-Web-Text', 'application/grpc-web-text'],
  ])('is told in the headers of %s', (asked, answered) => {
    const headers = trailersOnly(asked);
    expect(headers?.get('content-type')).toBe(answered);
    expect(headers?.get('grpc-status')).toBe('7');
    expect(headers?.get('grpc-message')).toBe('rule-denied: no (decision d1)');
  });

  it.each(['application/grpc-webby', 'application/grpcx', 'application/json'])('is none of %s', (type) => {
    expect(trailersOnly(type)).toBeUndefined();
  });
});
