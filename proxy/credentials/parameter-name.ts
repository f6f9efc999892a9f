const PLAIN_NAME = /^[\w.-]*$/;

/** The name of `name=value` in a query or a form, as a server would read it: decoded, without case and without the `[...]` of array notations. */
export function parameterName(pair: string): string {
  return withoutIndex(decodedName(pair));
}

/** A test for pairs of this name. A name that has an index of its own, as in `card[number]`, stands for that index alone. */
export function hasName(wanted: string): (pair: string) => boolean {
  const name = decodedName(encodeURIComponent(wanted));
  return name.includes('[') ? (pair) => decodedName(pair) === name : (pair) => withoutIndex(decodedName(pair)) === name;
}

/** Bytes as Latin-1 characters, so that names of any charset compare. */
function decodedName(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals === -1 ? pair : pair.slice(0, equals);
  return PLAIN_NAME.test(name) ? name.toLowerCase() : decodeName(name);
}

function withoutIndex(name: string): string {
  return name.replace(/\[.*$/s, '');
}

function decodeName(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .trim()
    .toLowerCase();
}
