import type { Command } from 'commander';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { readKind } from '../kinds.ts';
import { withClient } from '../rest-client.ts';

export function define(command: Command): void {
  addContextOptions(command)
    .argument('<kind>', 'kind of resource')
    .argument('<name>', 'name of the resource')
    .addHelpText(
      'after',
      '\nA resource that another one refers to is not deleted.\n\nExample:\n  sidekey delete AccessPolicy agent-api',
    )
    .action(async (kind: string, name: string, options: ContextOptions) => {
      const found = readKind(kind);
      await withClient(readContext(options), (client) =>
        client.call('DELETE', `/v1/resources/${found}/${encodeURIComponent(name)}`),
      );
      console.log(`${found}/${name} deleted`);
    });
}
