import { Option } from 'commander';
import { stringify } from 'yaml';
import { paint, printable, printableJson } from './paint.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

/** `-o json|yaml|table` */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'output format').choices(['table', 'json', 'yaml']).default('table');
}

/** Prints `value` as JSON or YAML, or `table` as it stands. */
export function printAs(format: OutputFormat, value: unknown, table: () => string): void {
  switch (format) {
    case 'json':
      return console.log(toJson(value, 2));
    case 'yaml':
      return console.log(toYaml(value));
    case 'table':
      return console.log(table());
    default:
      return format satisfies never;
  }
}

/** JSON that a terminal shows as it is. `indent`: in lines. */
export function toJson(value: unknown, indent?: number): string {
  return printableJson(JSON.stringify(value, undefined, indent));
}

/** YAML that a terminal shows as it is. */
export function toYaml(value: unknown): string {
  const text = stringify(value).trimEnd();
  if (printableJson(text) === text) return text;
  // Escapes are read in double quotes alone (YAML 1.2 section 7.3.1).
  return printableJson(stringify(value, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }).trimEnd());
}

/** Columns padded to their widest cell. Control characters from outside are shown, not obeyed. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row, index) => {
      const line = row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
      return index === 0 ? paint('bold', line) : line;
    })
    .join('\n');
}
