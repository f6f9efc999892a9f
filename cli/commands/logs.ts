import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { formatAuthority } from '../../common/net/host.ts';
import { findReason, REASONS } from '../../proto/reasons.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { parseNumber } from '../proxy/mode-options.ts';
import { findNear } from '../../common/near-names.ts';
import { formatTable, type OutputFormat, toJson, toYaml } from '../output.ts';
import { printable } from '../paint.ts';
import { readField, readList, readMember, withClient } from '../rest-client.ts';

const MAX_CODE_LENGTH = 64;
/** More than that the control plane gives in no answer. */
const MAX_LIMIT = 1_000;
const MAX_POSITION = 9_999_999_999;

interface LogsOptions extends ContextOptions {
  readonly follow?: boolean;
  readonly id?: string;
  readonly workload?: string;
  readonly user?: string;
  readonly host?: string;
  readonly policy?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
  readonly limit: string;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .option('--follow', 'go on as decisions are made')
    .option('--id <decision>', 'this one: the decisionId that the agent was answered')
    .option('--workload <name>', 'of this client workload')
    .option('--user <subject>', 'for this user')
    .option('--host <host>', 'to this host')
    .option('--policy <name>', 'under this access policy')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(['allowed', 'denied', 'failed']))
    .option('--reason <code>', 'with this reason code', parseReason)
    .option(
      '--since <time>',
      'made since then: 90s, 30m, 2h or 7d ago, or a time such as 2026-11-26T03:00:00Z',
      (text) => parseTime(text, '--since', Date.now()),
    )
    .addOption(
      new Option('--until <time>', 'made before then')
        .argParser((text) => parseTime(text, '--until', Date.now()))
        .conflicts('follow'),
    )
    .option('--after <position>', 'the first ones stored after this position, where others are the latest; 0: all')
    .option('--limit <count>', 'how many at most', '100')
    .addOption(
      new Option('-o, --output <format>', 'output format; json is one object a line, yaml one document a decision')
        .choices(['table', 'json', 'yaml'])
        .default('table'),
    )
    .addHelpText(
      'after',
      "\nExamples:\n  sidekey logs --outcome denied --since 30m\n  sidekey logs --id 2c2d55dcca24d5d9c64e8f24cb1ceda4 -o yaml\n  sidekey logs --follow --workload agent -o json\n  sidekey logs --after 0 --limit 1000 -o json      # then on with --after and the last one's position",
    )
    .action(logs);
}

async function logs(options: LogsOptions, command: Command): Promise<void> {
  const { id, workload, user, host, policy, outcome, reason, since, until } = options;
  const limit = parseNumber(options.limit, '--limit', 1, MAX_LIMIT);
  const from = options.after === undefined ? undefined : parseNumber(options.after, '--after', 0, MAX_POSITION);
  const query = { id, workload, user, host, policy, outcome, reason, since, until };
  await withClient(readContext(options), async (client) => {
    const answer = await client.call('GET', '/v1/decisions', { query: { ...query, after: from, limit } });
    const decisions = readList(answer, 'decisions');
    // A table without rows may be of a call that never reached the proxy, or of a filter that is misspelt.
    if (decisions.length === 0) console.error(`sidekey: no decision fits${options.follow === true ? ' yet' : ''}`);
    if (options.output === 'table') console.log(formatTable(HEAD, decisions.flatMap(formatRows)));
    else for (const decision of decisions) console.log(formatOne(decision, options.output));
    if (options.follow !== true) {
      const isCut = decisions.length === limit && command.getOptionValueSource('limit') === 'default';
      if (isCut) console.error(`sidekey: there may be more: these are ${limit}; see --limit, --until and --after`);
      return;
    }
    const after = readField(decisions.at(-1), 'position') ?? from ?? '0';
    for await (const decision of client.follow('/v1/decisions', { query: { ...query, after, follow: true } })) {
      console.log(formatOne(decision, options.output));
    }
  });
}

const UNITS_MS = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** A misspelt code would find nothing, and nothing reads as "it never happened". @throws UsageError */
function parseReason(code: string): string {
  if (findReason(code) !== undefined) return code;
  const asked = code.slice(0, MAX_CODE_LENGTH);
  const known = Object.keys(REASONS);
  // Codes share their words: `revoked` is no misspelling of one, but a part of six.
  const near = new Set([...findNear(asked, known), ...known.filter((one) => one.includes(asked))]);
  const hint = near.size === 0 ? 'docs/reference/reasons.md lists them' : `did you mean ${[...near].join(', ')}?`;
  throw new UsageError('bad-reason', `--reason: there is no reason code "${asked}"; ${hint}`);
}

/** The time that `--since` or `--until` means, in RFC 3339. @throws UsageError */
export function parseTime(text: string, option: string, now: number): string {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS.get(unit);
  const at = unitMs === undefined ? Date.parse(text) : now - Number(count) * unitMs;
  // What Date.parse takes beside dates ("1") is nobody's meaning.
  if (Number.isNaN(at) || (unitMs === undefined && !/^\d{4}-\d\d-\d\d/.test(text))) {
    throw new UsageError('bad-time', `${option}: "${text}" is neither such as 30m, 2h or 7d nor 2026-11-26T03:00:00Z`);
  }
  // Further back there is no log, and RFC 3339 knows no year before 0.
  if (at < 0) throw new UsageError('bad-time', `${option}: "${text}" is before 1970; there is no log of it`);
  return new Date(at).toISOString();
}

function formatOne(decision: unknown, format: OutputFormat): string {
  switch (format) {
    case 'json':
      return toJson(decision);
    case 'yaml':
      return `---\n${toYaml(decision)}`;
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
  const destination = readMember(decision, 'destination');
  const host = readField(destination, 'host') ?? '';
  if (host === '') return '-';
  const authority = formatAuthority(host, Number(readField(destination, 'port') ?? ''));
  const call = `${readField(decision, 'method') ?? ''} ${authority}${readField(decision, 'path') ?? ''}`;
  return `${call} ${readField(decision, 'action') ?? ''}`.trim();
}
