// Starting and ending the processes of the demonstration. Each process that we start is ended by its own handle.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SIDEKEY = fileURLToPath(new URL('../../dist/sidekey.js', import.meta.url));
const AGENT = fileURLToPath(new URL('agent.mjs', import.meta.url));
// A first start compiles the embedded database: seconds on a quiet machine, minutes on one that has other work.
const START_TIMEOUT_MS = 300_000;

const running = new Set();

/** Starts a `sidekey` command that stays up; resolves once `ready` answers true. Its output is kept for errors. */
export async function startSidekey(args, { env, ready }) {
  const child = spawn(process.execPath, [SIDEKEY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const service = { child, output: '', ended: false };
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      service.output = (service.output + text).slice(-20_000);
    });
  }
  child.on('close', () => {
    service.ended = true;
    running.delete(child);
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await ready(service))) {
    if (service.ended) throw new Error(`sidekey ${args[0]} ended: ${service.output.trim()}`);
    if (Date.now() > deadline)
      throw new Error(
        `sidekey ${args[0]} did not start within ${START_TIMEOUT_MS / 1_000} s: ${service.output.trim()}`,
      );
    await sleep(50);
  }
  return service;
}

/** Runs a `sidekey` command to its end: { code, stdout, stderr }. */
export function runSidekey(args, env) {
  return collect(spawn(process.execPath, [SIDEKEY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** The agent behind the proxy. `onLine` is called for each line that it prints. */
export function runAgent(world, args, onLine) {
  const command = [
    'run',
    '--quiet',
    '--proxy',
    world.proxyUrl,
    '--proxy-ca',
    world.proxyCaFile,
    '--',
    process.execPath,
    AGENT,
    ...args,
  ];
  return collect(
    spawn(process.execPath, [SIDEKEY, ...command], { env: world.agentEnv, stdio: ['ignore', 'pipe', 'pipe'] }),
    onLine,
  );
}

/** The same agent without Sidekey; it trusts the API's certificate, so that only the token is missing. */
export function runAgentAlone(world, args) {
  const env = { ...world.agentEnv, NODE_EXTRA_CA_CERTS: world.apiCaFile };
  return collect(spawn(process.execPath, [AGENT, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Ends everything that is still running. */
export async function stopAll() {
  await Promise.all([...running].map(stop));
}

async function stop(child) {
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await closed;
  clearTimeout(timer);
}

function collect(child, onLine = () => {}) {
  running.add(child);
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
