import { mayStandFor, readingsOf } from '../../common/inspection/parameter-name.ts';

const PLAIN_NAME = /^[\w.-]*$/;

/** What servers may read as the name of `name=value` in a query or a form. */
export function parameterNames(pair: string): readonly string[] {
  return readingsOf(decodedName(pair));
}

/** A test for pairs that some server reads as one of this name. */
export function hasName(wanted: string): (pair: string) => boolean {
  const name = decodedName(encodeURIComponent(wanted));
  return (pair) => mayStandFor(decodedName(pair), name);
}

/** Bytes as Latin-1 characters, so that names of any charset compare. */
export function decodedName(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals === -1 ? pair : pair.slice(0, equals);
  return PLAIN_NAME.test(name) ? name : decode(name);
}

/** `%u0061` is JavaScript's `escape`, which CGI.pm of Perl and ASP.NET read as well. */
function decode(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replaceAll(/%(?:u00)?([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
