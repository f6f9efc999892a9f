import type { Command } from 'commander';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { kindArgument } from '../kinds.ts';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { withClient } from '../rest-client.ts';

interface DeleteOptions extends ContextOptions {
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .addArgument(kindArgument())
    .argument('<name>', 'name of the resource')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nA resource that another one refers to is not deleted.\n\nExample:\n  sidekey delete AccessPolicy agent-api',
    )
    .action(async (kind: string, name: string, options: DeleteOptions) => {
      await withClient(readContext(options), (client) =>
        client.call('DELETE', `/v1/resources/${kind}/${encodeURIComponent(name)}`),
      );
      printAs(options.output, { kind, name, action: 'deleted' }, () => `${kind}/${name} deleted`);
    });
}
