/** 1: a character that stays as it is. */
const STAYS = Uint8Array.from({ length: 128 }, (_, code) => Number(/[a-z\d-]/.test(String.fromCharCode(code))));

/**
 * A field name as servers of the CGI kind tell it from others: without case, and with every other character than a letter or a digit
 * alike, so that `X_Api.Key` is `x-api-key` (RFC 3875 section 4.1.18 for "-"; lighttpd for all of them).
 */
export function foldHeaderName(name: string): string {
  for (let at = 0; at < name.length; at += 1) {
    if (STAYS[name.charCodeAt(at)] !== 1) return name.toLowerCase().replaceAll(/[^a-z\d-]/g, '-');
  }
  return name;
}
