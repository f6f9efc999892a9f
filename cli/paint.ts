const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90, bold: 1 } as const;

/** Colours text on a terminal, unless NO_COLOR is set (https://no-color.org). */
export function paint(
  colour: keyof typeof COLOURS,
  text: string,
  stream: { isTTY?: boolean } = process.stdout,
): string {
  const forced = process.env['FORCE_COLOR'];
  const wanted = forced ? forced !== '0' : stream.isTTY === true && !process.env['NO_COLOR'];
  return wanted ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** Characters that a terminal obeys, that are not seen, or that change in which order others are shown. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** The same without those that JSON escapes by itself, or that break its lines. */
const OBEYED_IN_JSON = /(?![\u0000-\u001f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from outside, made safe for a terminal. */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, '\uFFFD');
}

/** JSON, or what quotes as JSON does, of the same meaning and safe for a terminal. */
export function printableJson(json: string): string {
  return json.replaceAll(OBEYED_IN_JSON, (character) =>
    // One beyond 16 bits is two escapes (RFC 8259 section 7).
    character.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
