/** Case folding as broad as that of parsers: upper case first, so that the long s and the Kelvin sign fold too. */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}
