import { Command } from 'commander';
import { expect, it } from 'vitest';
import { define, formatDecision, parseTime } from '../../../../cli/commands/logs.ts';

const DECISION = { at: '2026-01-02T03:04:05Z', outcome: 'denied', reason: 'rule-denied', status: 403, id: 'd1' };

it('a row of the log says who called what', () => {
  const call = {
    ...DECISION,
    method: 'GET',
    destination: { host: 'api.test', port: 443 },
    path: '/v1',
    workloads: ['a'],
  };
  expect(formatDecision(call)).toEqual([
    '2026-01-02T03:04:05Z',
    'denied',
    'rule-denied',
    '403',
    'a',
    '',
    'GET api.test:443/v1',
    'd1',
  ]);
});

it('and what a message asked for', () => {
  const destination = { host: 'mcp.test', port: 443 };
  const call = { ...DECISION, method: 'POST', destination, path: '/mcp', action: 'mcp:tools/call delete' };
  expect(formatDecision(call)[6]).toBe('POST mcp.test:443/mcp mcp:tools/call delete');
});

it('and puts an IPv6 address in brackets, so that its end can be told from the port', () => {
  const call = { ...DECISION, method: 'GET', destination: { host: '2001:db8::1', port: 443 }, path: '/v1' };
  expect(formatDecision(call)[6]).toBe('GET [2001:db8::1]:443/v1');
});

it('and a dash where a caller was refused before it could call', () => {
  const refused = { ...DECISION, reason: 'caller-refused', method: '', destination: { host: '', port: 0 }, path: '' };
  expect(formatDecision(refused)[6]).toBe('-');
});

it.each(['999999d', '1969-12-31T23:59:59Z', '0000-01-01'])('a time before all logs is told here: %s', (text) => {
  expect(() => parseTime(text, '--since', Date.UTC(2026, 0, 1))).toThrow(`"${text}" is before 1970`);
});

it.each([
  ['rule-denid', 'did you mean rule-denied?'],
  ['revoked', 'did you mean workload-revoked, policy-revoked,'],
  ['RULE-DENIED', 'docs/reference/reasons.md lists them'],
  ['x'.repeat(1_000_000), 'docs/reference/reasons.md lists them'],
])('a reason that is none is told, not looked for', async (code, hint) => {
  const command = new Command();
  define(command);
  await expect(command.parseAsync(['--reason', code], { from: 'user' })).rejects.toThrow(hint);
});

it.each(['x', '0', '5000', '1.5'])('--limit %s is refused with its bounds', async (limit) => {
  const command = new Command();
  define(command);
  await expect(command.parseAsync(['--limit', limit], { from: 'user' })).rejects.toThrow('from 1 to 1000');
});

it.each([
  ['90s', '2026-01-02T03:02:35.000Z'],
  ['30m', '2026-01-02T02:34:05.000Z'],
  ['2h', '2026-01-02T01:04:05.000Z'],
  ['7d', '2025-12-26T03:04:05.000Z'],
  ['2026-01-01T12:00:00+01:00', '2026-01-01T11:00:00.000Z'],
  ['2026-01-01', '2026-01-01T00:00:00.000Z'],
])('--since %s', (text, at) => expect(parseTime(text, '--since', Date.parse(DECISION.at))).toBe(at));

it.each(['', '-1', 'x', '1.5'])('--after "%s" is refused', async (after) => {
  const command = new Command();
  define(command);
  await expect(command.parseAsync(['--after', after], { from: 'user' })).rejects.toThrow('--after: use a number');
});

it.each(['', '1', '30', 'm', '30y', '-1h', 'yesterday', '2026-13-01'])('--since "%s" is refused', (text) => {
  for (const option of ['--since', '--until']) expect(() => parseTime(text, option, 0)).toThrow(`${option}: "${text}"`);
});
