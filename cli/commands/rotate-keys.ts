import type { Command } from 'commander';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { withClient } from '../rest-client.ts';

export function define(command: Command): void {
  addContextOptions(command)
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nStored secrets are sealed again under the newest sealing key; signing keys are replaced, and old ones verify until what\nthey signed has expired. The issuer publishes its next key for 20 minutes before it signs with it, so that no verifier meets a\nkey that its cached list does not have.\n\nExample:\n  sidekey rotate-keys',
    )
    .action(async (options: ContextOptions & { readonly output: OutputFormat }) => {
      const answer = await withClient(readContext(options), (client) =>
        client.call('POST', '/v1/keys/rotate', { body: {} }),
      );
      printAs(options.output, answer ?? {}, () => 'keys rotated');
    });
}
