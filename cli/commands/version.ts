import type { Command } from 'commander';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { VERSION } from '../../common/version.ts';

export function define(command: Command): void {
  command.addOption(outputOption()).addHelpText('after', '\nExample:\n  sidekey version -o json');
  command.action((options: { output: OutputFormat }) => {
    const found = { sidekey: VERSION, node: process.version, platform: `${process.platform}-${process.arch}` };
    printAs(options.output, found, () => `sidekey ${found.sidekey} (Node ${found.node}, ${found.platform})`);
  });
}
