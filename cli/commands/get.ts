import type { Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { formatTable, outputOption, printAs, toYaml, type OutputFormat } from '../output.ts';
import { readField, readList, readMember, withClient } from '../rest-client.ts';
import { kindArgument } from '../kinds.ts';

interface GetOptions extends ContextOptions {
  readonly output: OutputFormat;
}

/** What `get` shows that is no resource. */
const LISTS = ['sessions', 'revocations'];

export function define(command: Command): void {
  addContextOptions(command)
    .addArgument(kindArgument(LISTS))
    .argument('[name]', 'one resource')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nSecrets are never shown. One resource is shown as the YAML that `apply` takes.\n\nExamples:\n  sidekey get accesspolicies\n  sidekey get ServerWorkload api -o yaml\n  sidekey get sessions',
    )
    .action(get);
}

async function get(kind: string, name: string | undefined, options: GetOptions): Promise<void> {
  const path = pathOf(kind, name);
  const answer = await withClient(readContext(options), (client) => client.call('GET', path));
  const field = LISTS.includes(kind) ? kind : 'resources';
  printAs(options.output, answer, () => (name === undefined ? formatList(readList(answer, field)) : toYaml(answer)));
}

function pathOf(kind: string, name: string | undefined): string {
  if (LISTS.includes(kind)) {
    if (name !== undefined) throw new UsageError('no-name', `${kind} are listed, not read one by one`);
    return `/v1/${kind}`;
  }
  return `/v1/resources/${kind}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function formatList(items: readonly unknown[]): string {
  if (items.length === 0) return 'none';
  const [first] = items;
  if (readMember(first, 'metadata') !== undefined) {
    const rows = items.map((item) => {
      const metadata = readMember(item, 'metadata');
      return [
        readField(item, 'kind') ?? '',
        readField(metadata, 'name') ?? '',
        readField(metadata, 'description') ?? '',
      ];
    });
    return formatTable(['KIND', 'NAME', 'DESCRIPTION'], rows);
  }
  const columns = Object.keys(Object(first)).filter((column) => items.some((item) => showCell(item, column) !== ''));
  return formatTable(
    columns.map((column) => column.toUpperCase()),
    items.map((item) => columns.map((column) => showCell(item, column))),
  );
}

function showCell(item: unknown, column: string): string {
  const simple = readField(item, column);
  if (simple !== undefined) return simple;
  return readList(item, column)
    .filter((part) => typeof part === 'string')
    .join(',');
}
