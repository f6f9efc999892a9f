/** What the scripts share: running programs, and bringing node_modules in line with package-lock.json. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a program with its output on ours; answers its exit code (128 + n for a signal is read as 1). */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.on('error', (error) => {
      console.error(`cannot run ${command}: ${error.message}`);
      resolve(127);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs a program and keeps its output: { code, output }. With `echo` it is shown as it comes, too. */
export function capture(command, args, { echo = false, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        if (echo) process.stdout.write(text);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${output}cannot run ${command}: ${error.message}\n` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** A variable that holds a whole number of seconds above zero; anything else ends the script. */
export function readSeconds(name, otherwise) {
  const text = process.env[name] ?? String(otherwise);
  if (/^[1-9][0-9]*$/.test(text)) return Number(text);
  console.error(`${name} must be a whole number of seconds`);
  process.exit(2);
}

/** Path of a program that npm installed. */
export function bin(name) {
  return `${root}node_modules/.bin/${name}`;
}

/** Runs `npm ci` when node_modules is missing or holds other versions than package-lock.json names. */
export async function installIfStale() {
  if (!dependenciesAreStale()) return;
  console.log('installing packages: npm ci says nothing until it is done');
  const code = await run('npm', ['ci', '--no-audit', '--no-fund']);
  if (code !== 0) {
    console.error('npm ci failed: the packages could not be installed');
    process.exit(code);
  }
}

function dependenciesAreStale() {
  const wanted = readPackages(`${root}package-lock.json`);
  const installed = readPackages(`${root}node_modules/.package-lock.json`);
  if (wanted === undefined || installed === undefined) return true;
  return Object.entries(wanted).some(([path, entry]) => {
    if (path === '' || entry.link === true) return false;
    const found = installed[path];
    // A package for another platform is rightly absent.
    return found === undefined ? entry.optional !== true : found.version !== entry.version;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
