import type { Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { formatTable, outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint, printable } from '../paint.ts';
import { readField, readList, withClient } from '../rest-client.ts';
import { readText } from '../../common/text-file.ts';

interface ExplainOptions extends ContextOptions {
  readonly workload: string;
  readonly url: string;
  readonly method?: string;
  readonly header: readonly string[];
  readonly data?: string;
  readonly json?: string;
  readonly user?: string;
  readonly claims?: string;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .requiredOption('--workload <name>', 'client workload that calls')
    .requiredOption('--url <url>', 'what it calls')
    .option('--method <method>', 'HTTP method (default: GET, with a body POST)')
    .option('--header <line>', '"name: value"; may be repeated', (line, lines: string[]) => [...lines, line], [])
    .option('--data <form>', 'body: a form; @FILE reads one')
    .option('--json <json>', 'body: JSON; @FILE reads one')
    .option('--user <subject>', 'user it acts for')
    .option('--claims <json>', 'claims of its evidence, which conditions may read; @FILE reads them')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nNo credential is made. Exit code 0 says allowed, 3 denied.\n\nExamples:\n  sidekey explain --workload agent --url https://api.example.com/v1/items --method DELETE\n  sidekey explain --workload agent --url https://api.example.com/graphql --json \'{"query": "{ viewer { login } }"}\'\n  sidekey explain --workload agent --url https://api.example.com/ --claims \'{"oidc": {"ref": "main"}}\'',
    )
    .action(explain);
}

async function explain(options: ExplainOptions): Promise<void> {
  if (!URL.canParse(options.url)) throw new UsageError('bad-url', `--url: not a URL: ${options.url}`);
  const { workload, url, user } = options;
  const { headers, body } = readBody(options);
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const claims = readClaims(options.claims);
  const answer = await withClient(readContext(options), (client) =>
    client.call('POST', '/v1/explain', { body: { workload, url, method, user, claims, headers, body } }),
  );
  printAs(options.output, answer, () => formatExplanation(answer));
  if (claims === undefined && readField(answer, 'reason') === 'condition-error')
    console.error('sidekey: no claims were supposed, which real evidence has: give them with --claims');
  if (readField(answer, 'outcome') !== 'allow') throw new CommandFailed(EXIT_CODES.denied, '');
}

/** @throws UsageError */
function readClaims(given: string | undefined): object | undefined {
  if (given === undefined) return undefined;
  const text = readGiven(given);
  try {
    const claims: unknown = JSON.parse(text);
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims;
  } catch {
    // Told below: what JSON.parse says would show a part of it.
  }
  throw new UsageError('bad-claims', '--claims: use a JSON object, such as {"oidc": {"ref": "main"}}');
}

function readGiven(given: string): string {
  return given.startsWith('@') ? readText(given.slice(1)) : given;
}

const FORM = 'application/x-www-form-urlencoded';

/** The body, and its content type unless a header names one. */
function readBody({ data, json, header }: ExplainOptions): { headers: readonly string[]; body: string | undefined } {
  if (data !== undefined && json !== undefined) throw new UsageError('two-bodies', 'give --data or --json, not both');
  const given = data ?? json;
  if (given === undefined) return { headers: header, body: undefined };
  const typed = header.some((line) => /^content-type\s*:/i.test(line));
  const type = `content-type: ${json === undefined ? FORM : 'application/json'}`;
  return {
    headers: typed ? header : [...header, type],
    body: readGiven(given),
  };
}

function formatExplanation(answer: unknown): string {
  const allowed = readField(answer, 'outcome') === 'allow';
  const lines = [
    `${allowed ? paint('green', 'allowed') : paint('red', 'denied')}  ${readField(answer, 'reason') ?? ''}  ${readField(answer, 'summary') ?? ''}`,
  ];
  for (const name of ['detail', 'policy', 'condition', 'serverWorkload']) {
    const value = readField(answer, name);
    if (value !== undefined) lines.push(`${name}: ${printable(value)}`);
  }
  const providers = readList(answer, 'credentialProviders').map(String);
  if (providers.length > 0) lines.push(`credentialProviders: ${providers.map(printable).join(', ')}`);
  const rows = readList(answer, 'steps').map((step) =>
    ['outcome', 'check', 'name', 'detail'].map((name) => readField(step, name) ?? ''),
  );
  lines.push(formatTable(['STEP', 'CHECK', 'NAME', 'DETAIL'], rows));
  if (!allowed) lines.push(`next: ${readField(answer, 'nextStep') ?? ''}`);
  return lines.join('\n');
}
