import type { Command } from 'commander';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { withClient } from '../rest-client.ts';

export function define(command: Command): void {
  addContextOptions(command)
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nStored secrets are sealed again under the newest sealing key; the issuer gets a new signing key and still publishes the old one until its tokens have expired.',
    )
    .action(async (options: ContextOptions & { readonly output: OutputFormat }) => {
      const answer = await withClient(readContext(options), (client) =>
        client.call('POST', '/v1/keys/rotate', { body: {} }),
      );
      printAs(options.output, answer ?? {}, () => 'keys rotated');
    });
}
