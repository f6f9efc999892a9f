import { describe, expect, test } from 'vitest';
import { Grant, type Injection } from '../../../../../proto/gen/sidekey/v1/grant.ts';
import { Route } from '../../../../../proto/gen/sidekey/v1/route.ts';
import { NO_CLAIMS } from '../../../../../proxy/credentials/injection/scheme.ts';
import { prepareRequest } from '../../../../../proxy/http/request/outgoing-request.ts';
import { RouteTable } from '../../../../../proxy/http/request/route-table.ts';
import type { OutgoingRequest } from '../../../../../proxy/http/streams.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { NO_BODY } from '../../../../../proxy/protocols/heads.ts';

const HOST = 'api.example.com';
const AT = { scheme: 'https', host: HOST, port: 443 } as const;
const destination = { ...AT, authority: HOST, path: '/a', query: 'b=1' };
const value = Buffer.from('0123456789abcdef0123456789abcdef');
const inHeader: Injection['kind'] = { $case: 'header', value: { name: 'X-Acme', prefix: '', suffix: '', value } };
const inQuery: Injection['kind'] = { $case: 'query', value: { name: 'key', value } };
const inPath: Injection['kind'] = { $case: 'pathSegment', value: { index: 0, prefix: '', suffix: '', value } };

function prepare(kind: Injection['kind'], method: string, fields: [string, string][]): OutgoingRequest {
  const table = new RouteTable();
  const places = { credentialHeaders: ['X-Acme'], credentialQueryParameters: ['key'] };
  table.replace([Route.fromPartial({ hosts: [HOST], ports: [443], injectsCredential: true, ...places })]);
  const route = table.find(HOST, 443);
  if (route === undefined) throw new Error('no route');
  const headers = HeaderList.from(fields);
  const head = { method, target: '/a?b=1', version: '1.1', headers, framing: NO_BODY } as const;
  const grant = { ...Grant.fromPartial({ binding: { destination: AT, method } }), injections: [{ kind }] };
  const way = { route, via: 'me', acceptsTrailers: false, claims: NO_CLAIMS, inspected: undefined };
  return prepareRequest({ ...head, keepAlive: true, expectContinue: false }, destination, grant, way).request;
}

describe('where a credential stands, no compression table keeps it (RFC 7541 7.1.3)', () => {
  test.each([
    ['a header', inHeader, ['x-acme']],
    ['the query', inQuery, [':path', 'x-acme']],
    ['the path', inPath, [':path', 'x-acme']],
  ])('%s', (_, kind, expected) => {
    expect([...prepare(kind, 'GET', []).sensitive].sort()).toEqual(expected);
  });
});

describe('a part of the answer is asked for where it can be searched', () => {
  const OPEN: [string, string] = ['Range', 'bytes=0-'];
  test.each<[string, string, [string, string][], string[]]>([
    ['alone', 'GET', [OPEN], ['bytes=0-']],
    ['with another', 'GET', [OPEN, ['Range', 'bytes=0-0']], []],
    ['by a method that has no parts (RFC 9110 14.2)', 'POST', [OPEN], []],
  ])('%s', (_, method, fields, expected) => {
    expect(prepare(inHeader, method, fields).headers.getAll('range')).toEqual(expected);
  });
});
