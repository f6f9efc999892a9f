const UNUSUAL = /[^a-z\d-]/;

/**
 * A field name as servers of the CGI kind tell it from others: without case, and with every other character than a letter or a digit
 * alike, so that `X_Api.Key` is `x-api-key` (RFC 3875 section 4.1.18 for "-"; lighttpd for all of them).
 */
export function foldHeaderName(name: string): string {
  if (!UNUSUAL.test(name)) return name;
  return name.toLowerCase().replaceAll(/[^a-z\d-]/g, '-');
}
