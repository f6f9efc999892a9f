import type { Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint, printable } from '../paint.ts';
import { applyDocuments, formatPlaced, readDocuments } from '../documents.ts';
import { readField, readIssues, readList, withClient } from '../rest-client.ts';

interface ApplyOptions extends ContextOptions {
  readonly file: readonly string[];
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .requiredOption('-f, --file <path...>', 'YAML file, or folder without what is hidden; "-" reads standard input')
    .option(
      '--prune',
      'delete what the control plane holds and the files do not, but for what is labelled sidekey.dev/prune: never',
    )
    .option('--dry-run', 'show what would change, and change nothing')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nAll or nothing: one wrong document and none is applied.\n\nExamples:\n  sidekey apply -f policies/\n  sidekey apply -f policies/ --prune --dry-run\n  pass show api-key | API_KEY=$(cat) sidekey apply -f provider.yaml',
    )
    .action(apply);
}

async function apply(options: ApplyOptions): Promise<void> {
  const documents = await readDocuments(options.file);
  if (documents.length === 0)
    throw new UsageError('no-documents', `there are no resources in ${options.file.join(', ')}`);
  const answer = await withClient(readContext(options), (client) =>
    applyDocuments(client, documents, { prune: options.prune === true, dryRun: options.dryRun === true }),
  );
  printAs(options.output, answer, () => formatChanges(answer, options.dryRun === true));
  for (const warning of readIssues(answer, 'warnings'))
    console.error(paint('yellow', `sidekey: ${printable(formatPlaced(warning, documents))}`, process.stderr));
}

const SIGNS = {
  created: paint('green', '+'),
  updated: paint('yellow', '~'),
  deleted: paint('red', '-'),
  unchanged: ' ',
  kept: '=',
} as const;

function formatChanges(answer: unknown, dryRun: boolean): string {
  const changes = readList(answer, 'changes');
  const lines = changes.flatMap((change) => {
    const action = readField(change, 'action') ?? 'unchanged';
    const sign = isSign(action) ? SIGNS[action] : '?';
    const name = `${readField(change, 'kind') ?? '?'}/${readField(change, 'name') ?? '?'}`;
    return [
      `${sign} ${printable(name)} ${action}${action === 'kept' ? ' (its label says sidekey.dev/prune: never)' : ''}`,
      ...readList(change, 'fields').map((field) => `    ${formatField(field)}`),
    ];
  });
  const changed = changes.filter((change) => !['unchanged', 'kept'].includes(readField(change, 'action') ?? '')).length;
  return [...lines, `${changed} of ${changes.length} ${dryRun ? 'would change' : 'changed'}`].join('\n');
}

function isSign(action: string): action is keyof typeof SIGNS {
  return Object.hasOwn(SIGNS, action);
}

function formatField(field: unknown): string {
  return printable(
    `${readField(field, 'path') ?? ''}: ${readField(field, 'before') ?? '-'} -> ${readField(field, 'after') ?? '-'}`,
  );
}
