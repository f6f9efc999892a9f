import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cli/commands.ts';
import { REASONS } from '../../proto/reasons.ts';
import { PAGES, readPage } from '../support/pages.ts';

const FOLDERS = 'bench|cli|common|control-plane|deploy|docs|examples|policy-client|proto|proxy|scripts|test';
const SETTING = /\bSIDEKEY_[A-Z_]+/g;

describe.each(PAGES)('%s', (page) => {
  const text = readPage(page);
  const fromHere = (path: string): string => normalize(join(dirname(page), path));

  it('has no dead link', () => {
    const links = Array.from(text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g), ([, link = '']) => link);
    const dead = links.filter((link) => !/^https?:/.test(link) && !existsSync(fromHere(link)));
    expect(dead).toEqual([]);
  });

  it('names files that are there', () => {
    const named = Array.from(text.matchAll(new RegExp(`\`((?:${FOLDERS})/[\\w./-]+)\``, 'g')), ([, path = '']) => path);
    expect(named.filter((path) => !existsSync(path) && !/NAME|latest/.test(path))).toEqual([]);
  });

  it('names metrics that are there', () => {
    const metrics = readFileSync('docs/reference/metrics.md', 'utf8');
    const named = Array.from(text.matchAll(/\bsidekey_[a-z_]+/g), ([name]) => name);
    // Roles of the database.
    const others = new Set(['sidekey_tenant', 'sidekey_system']);
    expect(named.filter((name) => !others.has(name) && !metrics.includes(`\`${name}\``))).toEqual([]);
  });

  it('shows commands and options that are there', async () => {
    for (const line of commandsOf(text)) expect(await faultOf(line), line).toBeUndefined();
  });

  it('names variables that are read somewhere', () => {
    const read = [
      readFileSync('docs/reference/cli.md', 'utf8'),
      readFileSync('control-plane/config.ts', 'utf8'),
    ].join();
    // Each option of the control plane has one by rule.
    const byRule = (name: string): boolean => read.includes(`--${name.slice(8).toLowerCase().replaceAll('_', '-')}`);
    const ours = new Set(['SIDEKEY_ADDRESS', 'SIDEKEY_EVIDENCE_FILE', 'SIDEKEY_HOME', 'SIDEKEY_RECORDS_LOST']);
    const named = [...text.matchAll(SETTING)].map(([name]) => name);
    expect(named.filter((name) => !ours.has(name) && !read.includes(name) && !byRule(name))).toEqual([]);
  });
});

it('finds the commands that it looks for', async () => {
  expect(PAGES.flatMap((page) => commandsOf(readPage(page))).length).toBeGreaterThan(60);
  expect(commandsOf('`A=b sidekey get sessions`\n    kubectl exec x -- sidekey apply -f - < f')).toHaveLength(2);
  expect(await faultOf('logs --sinse 1h')).toBe('unknown: --sinse');
  expect(await faultOf('lgos')).toBe('no command lgos');
});

it('every page is linked from docs/README.md', () => {
  const index = readPage('docs/README.md');
  const linked = new Set(Array.from(index.matchAll(/\]\(([^)]+)\)/g), ([, link = '']) => normalize(`docs/${link}`)));
  const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect(pages.filter((page) => !linked.has(page))).toEqual([]);
});

it('docs/operations.md says for each reason where to look, once', () => {
  const [table = ''] = readPage('docs/operations.md').split('## Revoking');
  const rows = Array.from(table.matchAll(/^\| (`[^|]*) \|/gm), ([, cell = '']) => cell);
  const codes = rows.flatMap((cell) => Array.from(cell.matchAll(/`([a-z-]+)`/g), ([, code = '']) => code));
  expect(codes.sort()).toEqual(Object.keys(REASONS).sort());
});

/** What stands behind `sidekey` in indented lines and between backticks, without comments and what a shell does with it. */
function commandsOf(text: string): string[] {
  const lines = Array.from(text.matchAll(/^ {4}(.*)$/gm), ([, line = '']) => line);
  const spans = Array.from(text.matchAll(/`([^`\n]+)`/g), ([, span = '']) => span);
  return [...lines, ...spans].flatMap((line) => {
    const [, command] = /^(?:(?:\w+=\S+ )*|kubectl .* -- )sidekey ([a-z][^#|&<]*)/.exec(line) ?? [];
    return command === undefined ? [] : [command.trim()];
  });
}

/** What is wrong with this command line; nothing is run. */
async function faultOf(line: string): Promise<string | undefined> {
  const words = line.split(/\s+/).filter((word) => word !== '...');
  const end = words.indexOf('--');
  const [name = '', ...rest] = end === -1 ? words : words.slice(0, end);
  const entry = COMMANDS[name];
  if (entry === undefined) return `no command ${name}`;
  const command = new Command(name);
  (await entry.load()).define(command);
  const inner = command.commands.find((one) => one.name() === rest[0]);
  const target = inner ?? command;
  const options = rest.filter((word) => word.startsWith('-') && word !== '-').map((word) => word.replace(/=.*/, ''));
  const known = new Set(['--help', ...target.options.flatMap(({ short, long }) => [short, long])]);
  const unknown = options.filter((option) => !known.has(option));
  return unknown.length === 0 ? undefined : `unknown: ${unknown.join(' ')}`;
}
