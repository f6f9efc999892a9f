import { foldHeaderName } from '../../../common/match/header-name.ts';
import type { HeaderList } from '../../protocols/header-list.ts';

/** A parameter's name, of an address or of a field; behind a character of a name it would be another. */
const NAME = /(?<![\w.-])([\w.-]+)=/g;
const VALUE = /"[^"]*"?|[^\s&;,"<>]*/y;

/** Overwrites values of fields of these names, and of parameters within others, by as many asterisks, as in bodies. */
export function maskFields(headers: HeaderList, names: readonly string[]): void {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const folded = new Set(names.map(foldHeaderName));
  const { raw } = headers;
  for (let at = 0; at < raw.length; at += 2) {
    const value = raw[at + 1] ?? '';
    raw[at + 1] = folded.has(foldHeaderName(raw[at] ?? '')) ? masked(value) : maskParameters(value, wanted);
  }
}

function maskParameters(text: string, names: ReadonlySet<string>): string {
  let shown = '';
  let from = 0;
  for (const { 0: start, 1: name = '', index } of text.matchAll(NAME)) {
    if (index < from || !names.has(name.toLowerCase())) continue;
    VALUE.lastIndex = index + start.length;
    const [value = ''] = VALUE.exec(text) ?? [];
    shown += text.slice(from, index + start.length) + masked(value);
    from = index + start.length + value.length;
  }
  return shown + text.slice(from);
}

function masked(text: string): string {
  return '*'.repeat(text.length);
}
