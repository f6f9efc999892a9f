import { Argument, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { addContextOptions, type Context, readContext, type ContextOptions } from '../context.ts';
import { outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint } from '../paint.ts';
import { RestError, type RestClient, withClient } from '../rest-client.ts';

/** Targets that are resources, so that a misspelt name can be told from one that exists. */
const KINDS: Readonly<Partial<Record<string, string>>> = {
  workload: 'ClientWorkload',
  policy: 'AccessPolicy',
  credential: 'CredentialProvider',
};

const TARGETS = ['workload', 'policy', 'credential', 'user', 'session', 'tenant'] as const;

interface RevokeOptions extends ContextOptions {
  readonly reason?: string;
  readonly lift?: boolean;
  readonly output: OutputFormat;
}

export function define(command: Command): void {
  addContextOptions(command)
    .addArgument(new Argument('<target>', 'what to revoke').choices(TARGETS))
    .argument(
      '<name>',
      "name of the workload, policy, credential provider or tenant; the user's subject; the session's id",
    )
    .option('--reason <text>', 'why, for the record')
    .option('--lift', 'take the revocation back')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nConnected proxies act within a second: held grants end and open streams are cut. A proxy whose session is revoked may attest\nagain with fresh evidence; revoke the workload to keep it out.\n\nExamples:\n  sidekey revoke workload agent\n  sidekey revoke user https://login.example.com#alice --reason "left the company"\n  sidekey revoke workload agent --lift',
    )
    .action(revoke);
}

async function revoke(target: (typeof TARGETS)[number], name: string, options: RevokeOptions): Promise<void> {
  if (options.lift === true && options.reason !== undefined) {
    throw new UsageError('reason-not-kept', '--reason says why something is revoked, and is not kept with --lift');
  }
  await withClient(contextFor(target, name, options), async (client) => {
    if (options.lift === true) {
      await client.call('DELETE', '/v1/revocations', { body: { target, name } });
    } else {
      const reason = options.reason === undefined ? {} : { reason: options.reason };
      await client.call('POST', '/v1/revocations', { body: { target, name, ...reason } });
      await warnIfUnknown(client, target, name);
    }
  });
  const lifted = options.lift === true;
  printAs(options.output, { target, name, action: lifted ? 'lifted' : 'revoked' }, () => {
    return `${target} ${name}: ${lifted ? 'revocation lifted' : 'revoked'}`;
  });
}

/** A tenant is revoked in itself: nobody needs to name it twice, and no other than the one named is meant. */
function contextFor(target: string, name: string, options: RevokeOptions): Context {
  if (target !== 'tenant') return readContext(options);
  if (options.tenant !== undefined && options.tenant !== name) {
    throw new UsageError('two-tenants', `--tenant says "${options.tenant}", but "${name}" is to be revoked`);
  }
  return readContext({ ...options, tenant: name });
}

/** A revocation may come before its resource, so it stands; but most often the name is misspelt. */
async function warnIfUnknown(client: RestClient, target: string, name: string): Promise<void> {
  const kind = KINDS[target];
  if (kind === undefined) return;
  try {
    await client.call('GET', `/v1/resources/${kind}/${encodeURIComponent(name)}`);
  } catch (error) {
    if (!(error instanceof RestError) || error.status !== 404) throw error;
    console.error(paint('yellow', `sidekey: there is no ${kind} "${name}" now; is the name right?`, process.stderr));
  }
}
