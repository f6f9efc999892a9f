import type { BasicInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { invalid } from '../injection-error.ts';
import { checkLength, type PreparedInjection, preparedSecret } from './scheme.ts';

/** RFC 7617 section 2: no colon in the user-id, no control characters in either. */
export function prepareBasic({ username, password }: BasicInjection): PreparedInjection {
  checkLength(password);
  if (/[:\x00-\x1f\x7f]/.test(username)) throw invalid('its user name has characters that Basic does not allow');
  if (password.some((byte) => byte < 0x20 || byte === 0x7f)) throw invalid('its password has control characters');
  const pair = Buffer.concat([Buffer.from(`${username}:`), password]).toString('base64');
  const value = `Basic ${pair}`;
  return preparedSecret([password, Buffer.from(pair)], ({ request }) => request.headers.set('Authorization', value));
}
