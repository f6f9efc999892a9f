/**
 * A user's name in records, credentials and revocations. A subject is unique within its issuer alone (OpenID Connect Core 1.0
 * section 2), and an issuer's URL has no `#`, so that no subject of one issuer passes for one of another.
 */
export function userName(issuer: string, subject: string): string {
  return `${issuer}#${subject}`;
}

/** The parts of a user's name; without issuer where only the subject is given. */
export function splitUserName(name: string): { readonly issuer?: string; readonly subject: string } {
  const at = name.indexOf('#');
  return at < 0 ? { subject: name } : { issuer: name.slice(0, at), subject: name.slice(at + 1) };
}
