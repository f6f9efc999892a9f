import { spawn } from 'node:child_process';
import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { judge, type Verdict } from '../doctor-verdict.ts';
import { makeAgentEnvironment, writeTrustFiles } from '../agent/agent-environment.ts';
import { readAuthorities } from '../../common/text-file.ts';
import { DOCTOR_HOST } from '../dev-identity.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { expectListener, parseProxyUrl } from '../proxy/proxy-listener.ts';
import { readLocalProxy } from '../proxy/local-proxy.ts';
import { formatTable, outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint } from '../paint.ts';

const TOOL_TIMEOUT_MS = 20_000;
/** Tools that show headers show much else. */
const MAX_OUTPUT_CHARS = 1_048_576;
const DEFAULT_URL = `https://${DOCTOR_HOST}/`;

interface Tool {
  readonly name: string;
  readonly program: string;
  /** Prints the answer's headers or body, by which Sidekey's own is known; `url` comes last. */
  readonly args: (url: string) => readonly string[];
  /** Settings that the tool takes from its environment alone. */
  readonly env?: (url: string) => NodeJS.ProcessEnv;
}

const TOOLS: readonly Tool[] = [
  { name: 'curl', program: 'curl', args: (url) => ['-sS', '-i', url] },
  {
    name: 'git',
    program: 'git',
    args: (url) => ['-c', 'http.proactiveAuth=none', 'ls-remote', url],
    env: () => ({ GIT_CURL_VERBOSE: '1' }),
  },
  { name: 'wget', program: 'wget', args: (url) => ['-S', '-O-', '-t1', '-T10', '--content-on-error', url] },
  {
    name: 'python requests',
    program: 'python3',
    args: (url) => [
      '-c',
      'import requests,sys\nr=requests.get(sys.argv[1])\nprint(r.status_code, r.headers, r.text)',
      url,
    ],
  },
  {
    name: 'python httpx',
    program: 'python3',
    args: (url) => ['-c', 'import httpx,sys\nr=httpx.get(sys.argv[1])\nprint(r.status_code, r.headers, r.text)', url],
  },
  {
    name: 'python urllib',
    program: 'python3',
    args: (url) => [
      '-c',
      'import urllib.request,urllib.error,sys\ntry:\n  r=urllib.request.urlopen(sys.argv[1])\nexcept urllib.error.HTTPError as e:\n  r=e\nprint(r.status, r.headers, r.read())',
      url,
    ],
  },
  {
    name: 'node fetch',
    program: process.execPath,
    args: (url) => [
      '-e',
      'fetch(process.argv[1]).then(async r=>console.log(r.status,[...r.headers].join(" "),await r.text()))',
      url,
    ],
  },
  {
    name: 'go',
    program: 'go',
    // The go command's own HTTP client, which is that of every Go program; it asks the URL as if for a module.
    args: () => ['list', '-m', 'sidekey.invalid/doctor@latest'],
    env: (url) => ({
      GOPROXY: url.replace(/\/$/, ''),
      GONOSUMDB: '*',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '',
      GO111MODULE: 'on',
      // Shows the answer's headers, of HTTP/2.
      GODEBUG: 'http2debug=2',
    }),
  },
  {
    name: 'aws',
    program: 'aws',
    args: (url) => [
      '--endpoint-url',
      url,
      '--no-sign-request',
      '--region',
      'us-east-1',
      's3api',
      'list-buckets',
      '--debug',
    ],
    env: () => ({ AWS_MAX_ATTEMPTS: '1', AWS_EC2_METADATA_DISABLED: 'true' }),
  },
  {
    name: 'deno',
    program: 'deno',
    args: (url) => [
      'eval',
      'const r=await fetch(Deno.args[0]);console.log(r.status,[...r.headers].join(" "),await r.text())',
      url,
    ],
  },
];

interface DoctorOptions {
  readonly proxy?: string;
  readonly proxyCa?: string;
  readonly url: string;
  readonly output: OutputFormat;
}

interface Finding extends Verdict {
  readonly tool: string;
}

export function define(command: Command): void {
  command
    .addOption(new Option('--proxy <url>', 'the proxy to test').env('SIDEKEY_PROXY'))
    .addOption(new Option('--proxy-ca <file>', "that proxy's certificate authority, PEM").env('SIDEKEY_PROXY_CA'))
    .option(
      '--url <url>',
      'what to call: a routed host that policy denies, so that the proxy itself answers',
      DEFAULT_URL,
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nEach client tool on this machine calls a host that `sidekey dev` routes and denies. Reading the denial proves that the call\nwent through the proxy and that its certificate was trusted. Exit code 3 when an installed tool fails.\n\nExamples:\n  sidekey doctor\n  sidekey doctor --proxy http://127.0.0.1:8080 --proxy-ca ca.pem --url https://api.example.com/ -o json',
    )
    .action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  if (!/^https?:$/.test(URL.canParse(options.url) ? new URL(options.url).protocol : '')) {
    throw new UsageError('bad-url', `--url: not an http:// or https:// URL: ${options.url}`);
  }
  const proxy = findProxy(options);
  await expectListener(parseProxyUrl(proxy.url));
  const trust = writeTrustFiles(proxy.caPem);
  let findings: Finding[];
  try {
    const { env } = makeAgentEnvironment(process.env, { proxyUrl: proxy.url, trust, remove: [], keep: [] });
    findings = await Promise.all(TOOLS.map((tool) => examine(tool, options.url, env)));
  } finally {
    trust.remove();
  }
  printAs(options.output, findings, () =>
    formatTable(
      ['TOOL', 'VERDICT', 'DETAIL'],
      findings.map((found) => [found.tool, found.verdict, found.detail]),
    ),
  );
  const bad = findings.filter((found) => found.verdict !== 'covered' && found.verdict !== 'not installed');
  if (bad.length > 0)
    throw new CommandFailed(EXIT_CODES.denied, `${bad.length} of ${findings.length} tools are not covered`);
  if (options.output === 'table') console.log(paint('green', 'every client tool found here is covered'));
}

function findProxy(options: DoctorOptions): { url: string; caPem: string } {
  const { proxy, proxyCa } = options;
  if (proxy !== undefined && proxyCa !== undefined)
    return { url: proxy, caPem: readAuthorities(proxyCa, '--proxy-ca') };
  // With half of it the proxy of `sidekey dev` would be tried in place of the one that was meant.
  if (proxy !== undefined) throw new UsageError('no-proxy-ca', '--proxy needs --proxy-ca');
  if (proxyCa !== undefined) throw new UsageError('no-proxy', '--proxy-ca needs --proxy');
  const local = readLocalProxy();
  if (local === undefined)
    throw new UsageError('no-proxy', 'no proxy: start `sidekey dev`, or give --proxy and --proxy-ca');
  return local;
}

async function examine(tool: Tool, url: string, env: NodeJS.ProcessEnv): Promise<Finding> {
  const { code, output } = await runTool(tool.program, tool.args(url), {
    ...env,
    GIT_TERMINAL_PROMPT: '0',
    ...tool.env?.(url),
  });
  return { tool: tool.name, ...judge(code, output) };
}

/** Output and exit code; `undefined` when there is no such program. */
function runTool(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | undefined; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    // Not spawn's own time-out: its timer outlives a program that does not exist.
    const timer = setTimeout(() => child.kill('SIGKILL'), TOOL_TIMEOUT_MS);
    let output = '';
    const take = (bytes: Buffer): void => {
      if (output.length < MAX_OUTPUT_CHARS) output += bytes.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', () => {
      clearTimeout(timer);
      resolve({ code: undefined, output });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output });
    });
  });
}
