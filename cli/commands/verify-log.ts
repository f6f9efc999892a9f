import type { Command } from 'commander';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { formatTable, outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint } from '../paint.ts';
import { readField, readList, withClient } from '../rest-client.ts';

interface VerifyOptions extends ContextOptions {
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .addOption(outputOption())
    .addHelpText(
      'after',
      "\nEvery hash of every proxy's chain is computed again. Exit code 3 says that a chain is broken.",
    )
    .action(verify);
}

async function verify(options: VerifyOptions): Promise<void> {
  const answer = await withClient(readContext(options), (client) => client.call('GET', '/v1/verify-log'));
  // An answer that says nothing is not proof.
  const whole = readField(answer, 'ok') === 'true';
  printAs(options.output, answer, () => {
    const rows = readList(answer, 'chains').map((chain) => [
      readField(chain, 'instanceId') ?? '',
      readField(chain, 'records') ?? '',
      readField(chain, 'fault') ?? 'whole',
    ]);
    const verdict = whole ? paint('green', 'the log is whole') : paint('red', 'THE LOG IS BROKEN');
    return `${formatTable(['PROXY', 'RECORDS', 'CHAIN'], rows)}\n${verdict}`;
  });
  if (!whole) throw new CommandFailed(EXIT_CODES.denied, 'the decision log does not verify');
}
