const REFLECTING = new Set(['TRACE', 'TRACK', 'CONNECT']);
/** Methods that rules and the proxy tell apart: in another case each is another method (RFC 9110 9.1), but not to all servers. */
const TOLD_APART = new Set([...REFLECTING, 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const UPPER_CASE = /^[^a-z]*$/;

/** Why a request with this method goes no further, whatever policy says; undefined when it does. */
export function methodFault(method: string): string | undefined {
  if (REFLECTING.has(method)) return `${method} is not forwarded: its answer reflects the request`;
  if (!UPPER_CASE.test(method) && TOLD_APART.has(method.toUpperCase())) return 'the method is not in upper case';
  return undefined;
}
