import { expect, it } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { authenticateCaller } from '../../../../../proxy/io/agent/proxy-authentication.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const basic = (pair: string): string => Buffer.from(pair).toString('base64');

it.each([
  ['Bearer the-token', true],
  ['bearer  the-token', true],
  [`Basic ${basic('agent:the-token')}`, true],
  [`BASIC ${basic(':the-token')}`, true],
  [`Basic ${basic('the-token')}`, true],
  [undefined, false],
  ['', false],
  ['Bearer', false],
  ['Bearer the-tokeN', false],
  ['Bearer the-token-', false],
  ['Digest the-token', false],
  ['the-token', false],
  [`Basic ${basic('the-token:agent')}`, false],
  [`Basic ${basic('agent:x:the-token')}`, false],
  ['Basic the-token', false],
])('Proxy-Authorization: %s lets in: %s', (field, isLetIn) => {
  const headers = HeaderList.from(field === undefined ? [] : [['Proxy-Authorization', field]]);
  const refusal = authenticateCaller(headers, new Secret('the-token'));
  expect(refusal?.reason).toBe(isLetIn ? undefined : 'proxy-authentication-required');
  expect(headers.size).toBe(0);
});

it('asks nobody where there is no token, and forwards none', () => {
  const headers = HeaderList.from([['Proxy-Authorization', 'Bearer of-another-proxy']]);
  expect(authenticateCaller(headers, undefined)).toBeUndefined();
  expect(headers.size).toBe(0);
});
