/**
 * A field name as servers of the CGI kind tell it from others: without case, and `X_Api_Key` as `x-api-key`
 * (RFC 3875 section 4.1.18).
 */
export function foldHeaderName(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}
