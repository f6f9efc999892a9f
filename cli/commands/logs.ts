import { Option, type Command } from 'commander';
import { stringify } from 'yaml';
import { UsageError } from '../../common/errors.ts';
import { findReason, REASONS } from '../../proto/reasons.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { parseNumber } from '../mode-options.ts';
import { findNear } from '../near-names.ts';
import { formatTable, type OutputFormat } from '../output.ts';
import { printable } from '../paint.ts';
import { readField, readList, withClient } from '../rest-client.ts';

interface LogsOptions extends ContextOptions {
  readonly follow?: boolean;
  readonly workload?: string;
  readonly user?: string;
  readonly host?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly limit: string;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .option('--follow', 'go on as decisions are made')
    .option('--workload <name>', 'of this client workload')
    .option('--user <subject>', 'for this user')
    .option('--host <host>', 'to this host')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(['allowed', 'denied', 'failed']))
    .addOption(new Option('--reason <code>', 'with this reason code').argParser(parseReason))
    .option('--limit <count>', 'how many at most', '100')
    .addOption(
      new Option('-o, --output <format>', 'output format; json is one object a line, yaml one document a decision')
        .choices(['table', 'json', 'yaml'])
        .default('table'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sidekey logs --outcome denied\n  sidekey logs --follow --workload agent -o json',
    )
    .action(logs);
}

const MAX_CODE_LENGTH = 64;
/** More than that the control plane gives in no answer. */
const MAX_LIMIT = 1_000;

/** A misspelt code would show an empty log, which says that there was nothing. */
function parseReason(code: string): string {
  if (findReason(code) !== undefined) return code;
  const known = Object.keys(REASONS);
  // Codes share their words: `revoked` is no misspelling of one, but a part of six.
  const near =
    code.length > MAX_CODE_LENGTH ? [] : [...findNear(code, known), ...known.filter((one) => one.includes(code))];
  const hint =
    near.length === 0 ? 'docs/reference/reasons.md lists them' : `did you mean ${[...new Set(near)].join(', ')}?`;
  throw new UsageError('unknown-reason', `--reason: there is no reason code "${code}"; ${hint}`);
}

async function logs(options: LogsOptions): Promise<void> {
  const { workload, user, host, outcome, reason } = options;
  const limit = parseNumber(options.limit, '--limit', 1, MAX_LIMIT);
  const query = { workload, user, host, outcome, reason };
  await withClient(readContext(options), async (client) => {
    const answer = await client.call('GET', '/v1/decisions', { query: { ...query, limit } });
    const decisions = readList(answer, 'decisions');
    if (options.output === 'table') console.log(formatTable(HEAD, decisions.flatMap(formatRows)));
    else for (const decision of decisions) console.log(formatOne(decision, options.output));
    if (options.follow !== true) return;
    const after = readField(decisions.at(-1), 'position') ?? '0';
    for await (const decision of client.follow('/v1/decisions', { query: { ...query, after, follow: true } })) {
      console.log(formatOne(decision, options.output));
    }
  });
}

function formatOne(decision: unknown, format: OutputFormat): string {
  switch (format) {
    case 'json':
      return JSON.stringify(decision);
    case 'yaml':
      return `---\n${stringify(decision).trimEnd()}`;
    case 'table':
      return formatRows(decision)
        .map((row) => row.map(printable).join('  '))
        .join('\n');
    default:
      return format satisfies never;
  }
}

const HEAD = ['TIME', 'OUTCOME', 'REASON', 'STATUS', 'WORKLOAD', 'USER', 'CALL', 'ID'] as const;

/** A decision, behind a row for those of its proxy that are missing before it. */
function formatRows(decision: unknown): string[][] {
  const missing = readField(decision, 'missingBefore');
  if (missing === undefined) return [formatDecision(decision)];
  const what = `${missing} records of proxy ${readField(decision, 'instanceId') ?? ''} are missing here: sidekey verify-log`;
  return [['', 'MISSING', '', '', '', '', what, ''], formatDecision(decision)];
}

/** The cells of a decision's row, in the order of HEAD. */
export function formatDecision(decision: unknown): string[] {
  return [
    readField(decision, 'at') ?? '',
    readField(decision, 'outcome') ?? '',
    readField(decision, 'reason') ?? '',
    readField(decision, 'status') ?? '',
    readList(decision, 'workloads').join(','),
    readField(decision, 'user') ?? '',
    formatCall(decision),
    readField(decision, 'id') ?? '',
  ];
}

/** A connection that is refused before a byte of it is read was no call to anywhere yet. */
function formatCall(decision: unknown): string {
  const destination =
    typeof decision === 'object' && decision !== null && 'destination' in decision ? decision.destination : undefined;
  const host = readField(destination, 'host') ?? '';
  if (host === '') return '-';
  const port = readField(destination, 'port') ?? '';
  return `${readField(decision, 'method') ?? ''} ${host}:${port}${readField(decision, 'path') ?? ''}`.trimStart();
}
