import { type Command, Option } from 'commander';
import { addContextOptions, type ContextOptions, readContext } from '../context.ts';
import { formatTable, type OutputFormat, printAs } from '../output.ts';
import { readField, readList, withClient } from '../rest-client.ts';

interface PlaceholdersOptions extends ContextOptions {
  readonly workload: string;
  readonly output: OutputFormat | 'env';
}

export function define(command: Command): void {
  addContextOptions(command)
    .requiredOption('--workload <name>', 'client workload of the agent')
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['table', 'json', 'yaml', 'env']).default('table'),
    )
    .addHelpText(
      'after',
      `
A placeholder is no secret: it works for this workload alone, through its proxy. With -o env the output is a file of
variables, for those that policy names one for. \`sidekey run\` sets them by itself.

Example:
  sidekey placeholders --workload agent -o env > agent.env`,
    )
    .action(placeholders);
}

const COLUMNS = ['environment', 'in', 'name', 'serverWorkload', 'credentialProvider', 'placeholder'] as const;

async function placeholders({ output, workload, ...context }: PlaceholdersOptions): Promise<void> {
  const answer = await withClient(readContext(context), (client) =>
    client.call('GET', '/v1/placeholders', { query: { workload } }),
  );
  const found = readList(answer, 'placeholders');
  if (output === 'env') {
    for (const line of new Set(found.flatMap(variableOf))) console.log(line);
    return;
  }
  const rows = found.map((one) => COLUMNS.map((name) => readField(one, name) ?? ''));
  printAs(output, answer, () =>
    formatTable(
      COLUMNS.map((name) => name.toUpperCase()),
      rows,
    ),
  );
}

function variableOf(one: unknown): string[] {
  const name = readField(one, 'environment') ?? '';
  return name === '' ? [] : [`${name}=${readField(one, 'placeholder') ?? ''}`];
}
