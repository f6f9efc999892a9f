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

/** Characters that a terminal obeys, or that change in which order others are shown. */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** The same without those that JSON escapes by itself, or that break its lines. */
const OBEYED_IN_JSON = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Text from outside, made safe for a terminal. */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, '\uFFFD');
}

/** JSON, or what quotes as JSON does, of the same meaning and safe for a terminal. */
export function printableJson(json: string): string {
  return json.replaceAll(OBEYED_IN_JSON, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
