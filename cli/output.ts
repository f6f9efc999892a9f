import { Option } from 'commander';
import { stringify } from 'yaml';
import { paint, printable } from './paint.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

/** `-o json|yaml|table` */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'output format').choices(['table', 'json', 'yaml']).default('table');
}

/** Prints `value` as JSON or YAML, or `table` as it stands. */
export function printAs(format: OutputFormat, value: unknown, table: () => string): void {
  switch (format) {
    case 'json':
      return console.log(JSON.stringify(value, undefined, 2));
    case 'yaml':
      return console.log(stringify(value).trimEnd());
    case 'table':
      return console.log(table());
    default:
      return format satisfies never;
  }
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
