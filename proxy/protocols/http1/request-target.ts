/** The four forms of a request target and the grammar of `Host`; names are judged later, by `common/net/host.ts`. */

/** `host [ ":" port ]` without user information or percent-encoding (RFC 9110 4.2.4 on user information). */
const HOST = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~-]{1,255})(?::([0-9]{0,5}))?$/;
const ABSOLUTE = /^https?:\/\/([^/?]*)([/?].*)?$/i;

/** Whether a `Host` field's value names a host (RFC 9110 7.2); an empty one names nothing, so a proxy cannot use it. */
export function isHostField(value: string): boolean {
  return isAuthority(value);
}

function isAuthority(text: string): boolean {
  const match = HOST.exec(text);
  if (match === null) return false;
  const port = match[1];
  return port === undefined || port === '' || isPort(port);
}

function isPort(text: string): boolean {
  const port = Number(text);
  return port >= 1 && port <= 65_535;
}

/** Whether the target has the form that its method asks for (RFC 9112 3.2.1 to 3.2.4). */
export function isTargetFor(method: string, target: string): boolean {
  if (method === 'CONNECT') {
    const port = HOST.exec(target)?.[1];
    return port !== undefined && port !== '' && isPort(port);
  }
  if (target.charCodeAt(0) === 0x2f) return true;
  if (target === '*') return method === 'OPTIONS';
  const authority = ABSOLUTE.exec(target)?.[1];
  return authority !== undefined && isAuthority(authority);
}
