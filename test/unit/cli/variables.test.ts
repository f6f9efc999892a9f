import { readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../../cli/commands.ts';
import { findMisspellings, VARIABLES } from '../../../cli/variables.ts';

it('knows every variable that an option or the code names', async () => {
  const named = new Set<string>();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = new Command(name);
    (await entry.load()).define(command);
    for (const one of [command, ...command.commands]) {
      for (const { envVar, long } of one.options) {
        if (envVar !== undefined) named.add(envVar);
        // Each of its options has a variable, but for the one that is for other commands.
        else if (name === 'control-plane' && long !== '--context-file') {
          named.add(`SIDEKEY_${(long ?? '').slice(2).replaceAll('-', '_').toUpperCase()}`);
        }
      }
    }
  }
  for (const folder of ['cli', 'control-plane', 'common', 'proxy', 'policy-client']) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(`${folder}/${file}`, 'utf8');
      for (const [, variable = ''] of text.matchAll(/env\['(SIDEKEY_\w+)'\]/g)) named.add(variable);
    }
  }
  expect([...named].sort()).toEqual([...VARIABLES].sort());
});

it('what administrators set is no setting of a proxy that is started in the same shell', async () => {
  const command = new Command();
  (await COMMANDS['proxy']?.load())?.define(command);
  const settings = command.options.map(({ envVar }) => envVar);
  expect(settings).toContain('SIDEKEY_AUTHORITY_FILE');
  // With SIDEKEY_CA_FILE for both, a proxy wrote its own authority over the administrator's file.
  for (const name of ['SERVER', 'TOKEN', 'TOKEN_FILE', 'CA_FILE']) expect(settings).not.toContain(`SIDEKEY_${name}`);
});

it.each([
  ['SIDEKEY_ALOW_UID', 'SIDEKEY_ALLOW_UID'],
  ['SIDEKEY_ALLOW_UIDS', 'SIDEKEY_ALLOW_UID'],
  ['SIDEKEY_CONTROL_PLAN', 'SIDEKEY_CONTROL_PLANE'],
  ['SIDEKEY_DATADIR', 'SIDEKEY_DATA_DIR'],
  ['SIDEKEY_LIMIT', 'SIDEKEY_LIMITS'],
])('takes %s for %s', (name, meant) => {
  expect(findMisspellings(['PATH', name])).toEqual([{ name, meant }]);
});

it('leaves alone what is right and what resembles nothing', () => {
  const made = ['SIDEKEY_SERVICE_HOST', 'SIDEKEY_SERVICE_PORT', 'SIDEKEY_PORT_7443_TCP_ADDR', 'SIDEKEY_PORT'];
  expect(findMisspellings([...VARIABLES, ...made, 'ALOW_UID', `SIDEKEY_${'A'.repeat(100_000)}`])).toEqual([]);
});
