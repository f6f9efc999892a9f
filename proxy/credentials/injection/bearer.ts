import { VISIBLE_TEXT } from '../../../common/credential-grammar.ts';
import type { BearerInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { checkedText, type PreparedInjection, preparedSecret } from './scheme.ts';

/** `Authorization: Bearer <token>` (RFC 6750 section 2.1). */
export function prepareBearer({ token }: BearerInjection): PreparedInjection {
  const value = `Bearer ${checkedText(token, VISIBLE_TEXT)}`;
  return preparedSecret([token], ({ request }) => request.headers.set('Authorization', value));
}
