/** The bytes of HTTP/1.1 as tables: `TABLE[byte] === 1` when the byte belongs to the class. */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;

function tableOf(belongs: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (belongs(byte) ? 1 : 0));
}

/** `tchar` (RFC 9110 5.6.2). */
export const TOKEN = tableOf((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));

/** `field-vchar`, SP and HTAB (RFC 9110 5.5): all but the control characters; NUL, CR and LF above all. */
export const FIELD = tableOf((byte) => byte === HTAB || (byte >= SP && byte !== 0x7f));

/** Visible ASCII without `#`: a request target has no fragment (RFC 9112 3.2, RFC 9110 7.1). */
export const TARGET = tableOf((byte) => byte > SP && byte < 0x7f && byte !== 0x23);

/** The value of a hexadecimal digit, or 255. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

/** Whether text is a `token`. */
export function isToken(text: string): boolean {
  if (text === '') return false;
  for (let at = 0; at < text.length; at += 1) {
    if (TOKEN[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

/** Whether text may stand as a request target; what it names is not looked at. */
export function isTarget(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (TARGET[text.charCodeAt(at)] !== 1) return false;
  }
  return text !== '';
}

/** Whether a character is white space of HTTP (RFC 9110 5.6.3). */
export function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/**
 * Without blanks at both ends. `trim` would take \xa0 too, the last byte of some letters in UTF-8; a pattern for the end of a text
 * takes the square of its length.
 */
export function trimBlanks(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

/** Whether text may stand as a field value; every character is one byte. */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (FIELD[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}
