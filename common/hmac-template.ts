import { TOKEN } from './credential-grammar.ts';

/** What a template may name. */
const VARIABLES = [
  'method',
  'path',
  'query',
  'target',
  'host',
  'timestamp',
  'nonce',
  'bodySha256',
  'body',
  'signature',
] as const;

export type HmacVariable = (typeof VARIABLES)[number];

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: HmacVariable }
  | { readonly kind: 'header'; readonly name: string };

export type Template = readonly TemplatePart[];

const MARK = /\{\{([^{}]*)\}\}/g;
const MAX_HEADER_NAME = 128;

/**
 * Reads `t={{timestamp}},v1={{signature}}`: text with `{{method}}`, `{{path}}`, `{{query}}` (without "?"), `{{target}}` (path and
 * query), `{{host}}`, `{{timestamp}}`, `{{nonce}}`, `{{bodySha256}}` (hex), `{{body}}`, `{{header:Name}}` and `{{signature}}`.
 *
 * @returns the parts, or a sentence that says what is wrong.
 */
export function parseTemplate(text: string): Template | string {
  const parts: TemplatePart[] = [];
  let from = 0;
  for (const match of text.matchAll(MARK)) {
    if (match.index > from) parts.push({ kind: 'text', text: text.slice(from, match.index) });
    from = match.index + match[0].length;
    const part = readMark((match[1] ?? '').trim());
    if (typeof part === 'string') return part;
    parts.push(part);
  }
  if (from < text.length) parts.push({ kind: 'text', text: text.slice(from) });
  const broken = parts.some((part) => part.kind === 'text' && /\{\{|\}\}/.test(part.text));
  return broken ? 'a variable is not closed; write {{name}}' : parts;
}

function readMark(name: string): TemplatePart | string {
  if (name.startsWith('header:')) {
    const header = name.slice('header:'.length).trim();
    return header.length <= MAX_HEADER_NAME && TOKEN.test(header)
      ? { kind: 'header', name: header.toLowerCase() }
      : `{{${name}}} names no header`;
  }
  const variable = VARIABLES.find((known) => known === name);
  if (variable === undefined) return `{{${name}}} is unknown; there are ${VARIABLES.join(', ')} and header:Name`;
  return { kind: 'variable', name: variable };
}

export function mentions(template: Template, ...names: readonly HmacVariable[]): boolean {
  return template.some((part) => part.kind === 'variable' && names.includes(part.name));
}
