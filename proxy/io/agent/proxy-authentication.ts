import type { Secret } from '../../../common/secret.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { Refusal } from '../../refusal.ts';

/**
 * Checks the per-agent proxy token (Basic password, or Bearer) in constant time and removes the field, which never
 * travels on (RFC 9110 11.7.2). Without a configured token every caller that reaches the listener is accepted.
 */
export function authenticateCaller(headers: HeaderList, token: Secret | undefined): Refusal | undefined {
  const given = headers.get('proxy-authorization');
  headers.delete('proxy-authorization');
  if (token === undefined) return undefined;
  const presented = given === undefined ? undefined : presentedToken(given);
  if (presented !== undefined && token.equals(presented)) return undefined;
  return new Refusal('proxy-authentication-required', 'the proxy token is missing or wrong');
}

function presentedToken(field: string): string | undefined {
  const [scheme, value] = field.split(/ +/, 2);
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}
