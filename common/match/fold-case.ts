/** Case folding as broad as any parser's: upper case first, so that the long s and the Kelvin sign fold too. */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}
