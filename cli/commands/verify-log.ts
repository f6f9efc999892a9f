import { lstatSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { replaceFile } from '../../common/replace-file.ts';
import { addContextOptions, readContext, type ContextOptions } from '../context.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { formatTable, outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint, printable } from '../paint.ts';
import { readField, readList, readMember, RequestRefused, withClient } from '../rest-client.ts';
import { readText } from '../../common/text-file.ts';

interface VerifyOptions extends ContextOptions {
  readonly checkpoint?: string;
  readonly saveCheckpoint?: string;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .addOption(outputOption())
    .option('--checkpoint <file>', 'the log must contain this checkpoint, which was saved before')
    .option('--save-checkpoint <file>', 'write the latest checkpoint here; keep it where the database cannot reach')
    .addHelpText('after', HELP)
    .action(verify);
}

const HELP = `
Every hash of every proxy's chain is computed again, and compared with the checkpoints: statements of where the chains stood,
signed every half minute with a key that is sealed. A checkpoint that was saved shows a log that has been cut or put back since.
Records that the control plane has lost and their proxy does not have any more are named as missing, for ever.
Exit code 3 says that the log is broken, or cannot be proven by this checkpoint.

Examples:
  sidekey verify-log --save-checkpoint audit/$(date +%F).jws
  sidekey verify-log --checkpoint audit/2026-11-01.jws`;

async function verify(options: VerifyOptions): Promise<void> {
  const checkpoint = options.checkpoint === undefined ? undefined : readCheckpoint(options.checkpoint);
  const answer = await withClient(readContext(options), (client) =>
    checkpoint === undefined
      ? client.call('GET', '/v1/verify-log')
      : client.call('POST', '/v1/verify-log', { body: { checkpoint } }).catch(notProven),
  );
  // An answer that says nothing is not proof.
  const whole = readField(answer, 'ok') === 'true';
  printAs(options.output, answer, () => {
    const rows = readList(answer, 'chains').map((chain) => [
      readField(chain, 'instanceId') ?? '',
      readField(chain, 'records') ?? '',
      readField(chain, 'sealed') ?? '0',
      readField(chain, 'fault') ?? 'whole',
    ]);
    const seals = readMember(answer, 'checkpoints');
    const fault = readField(seals, 'fault');
    const count = readField(seals, 'count') ?? '0';
    const sealed = `${count} ${count === '1' ? 'checkpoint' : 'checkpoints'}${fault === undefined ? '' : `: ${printable(fault)}`}`;
    const verdict = whole ? paint('green', 'the log is whole') : paint('red', 'THE LOG IS BROKEN');
    return `${formatTable(['PROXY', 'RECORDS', 'SEALED', 'CHAIN'], rows)}\n${sealed}\n${verdict}`;
  });
  const seals = readMember(answer, 'checkpoints');
  // A log with a gap never is whole again, and must be guarded all the same.
  if (options.saveCheckpoint !== undefined && readField(seals, 'fault') === undefined) {
    const latest = readField(seals, 'latest');
    if (latest !== undefined) saveCheckpoint(options.saveCheckpoint, latest);
    else if (whole) throw new CommandFailed(EXIT_CODES.failed, 'there is no checkpoint yet');
  }
  if (!whole) throw new CommandFailed(EXIT_CODES.denied, 'the decision log does not verify');
}

/** That the log is whole was asked and cannot be said, which is a no; but the file may be the wrong one. */
function notProven(error: unknown): never {
  if (!(error instanceof RequestRefused) || error.code !== 'checkpoint-unusable') throw error;
  throw new CommandFailed(EXIT_CODES.denied, `--checkpoint: ${error.message}`);
}

/** A file that was never one must not have the log called broken. */
function readCheckpoint(file: string): string {
  const text = readText(file, '--checkpoint').trim();
  // A compact JWS (RFC 7515 section 7.1).
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) {
    throw new UsageError('bad-checkpoint', `--checkpoint: ${file} holds no checkpoint`);
  }
  return text;
}

function saveCheckpoint(file: string, statement: string): void {
  try {
    // A link or a device, such as /dev/stdout, is written to and stays what it is.
    const isOther = lstatSync(file, { throwIfNoEntry: false })?.isFile() === false;
    if (isOther) writeFileSync(file, `${statement}\n`);
    else replaceFile(file, `${statement}\n`, 0o644);
  } catch (cause) {
    throw new UsageError('unwritable-file', `--save-checkpoint: cannot write ${file}`, { cause });
  }
}
