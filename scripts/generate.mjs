/** Makes proto/gen from proto/sidekey with buf and ts-proto. `--into DIR` writes it elsewhere (for the drift check). */
import { readFileSync } from 'node:fs';
import { installIfStale, bin, root, run } from './lib/run.mjs';

await installIfStale();

const into = process.argv.indexOf('--into');
const template = readFileSync(`${root}buf.gen.yaml`, 'utf8');
const folder = into === -1 ? 'proto/gen' : process.argv[into + 1];
if (folder === undefined) {
  console.error('--into needs a folder');
  process.exit(2);
}
process.exit(await run(bin('buf'), ['generate', '--template', template.replace(/^(\s+out:).*$/m, `$1 ${folder}`)]));
