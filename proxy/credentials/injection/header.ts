import { FIELD_TEXT, mayCarryCredential, TOKEN } from '../../../common/credential-grammar.ts';
import type { HeaderInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { invalid } from '../injection-error.ts';
import { checkedText, type PreparedInjection, preparedSecret } from './scheme.ts';

/** `<name>: <prefix><value><suffix>`. */
export function prepareHeader({ name, prefix, value, suffix }: HeaderInjection): PreparedInjection {
  const text = checkedText(value, FIELD_TEXT);
  checkHeaderName(name);
  if (!/^[\t\x20-\x7e]*$/.test(prefix + suffix)) throw invalid('its template has bytes that a header cannot hold');
  // White space at the ends is no part of a field's value (RFC 9110 section 5.5).
  const field = `${prefix}${text}${suffix}`.trim();
  return { ...preparedSecret([value], ({ request }) => request.headers.set(name, field)), header: name };
}

/** @throws InjectionError `credential-invalid` */
export function checkHeaderName(name: string): void {
  if (!TOKEN.test(name) || !mayCarryCredential(name)) throw invalid('its header name cannot carry a credential');
}
