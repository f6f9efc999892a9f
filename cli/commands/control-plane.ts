import type { Command } from 'commander';
import { parseControlPlaneConfig, type ControlPlaneFlags } from '../../control-plane/config.ts';
import { harden } from '../harden.ts';
import { contextFile, sidekeyHome } from '../saved-context.ts';
import { startWithContext } from '../start-control-plane.ts';
import { waitForSignal } from '../shutdown.ts';

interface ControlPlaneOptions extends ControlPlaneFlags {
  readonly contextFile?: string;
}

export function define(command: Command): void {
  command
    .option('--data-dir <dir>', 'folder of the embedded database, authority and keys')
    .option(
      '--database-url <url>',
      'postgres://... instead of the embedded database; one with a password in SIDEKEY_DATABASE_URL alone',
    )
    .option('--grpc-listen <host:port>', 'where proxies connect (127.0.0.1:7443)')
    .option('--rest-listen <host:port>', 'where people and tools connect (127.0.0.1:7444)')
    .option(
      '--metrics-listen <host:port>',
      'serve /metrics there in cleartext, without authentication (off without it)',
    )
    .option('--tls-cert-file <file>', 'certificate chain, PEM; without it the embedded authority issues one')
    .option('--tls-key-file <file>', 'its private key, PEM')
    .option('--tls-ca-file <file>', 'what clients must trust, PEM')
    .option('--server-name <name...>', 'more names for the embedded certificate')
    .option('--public-url <url>', 'URL of the REST API from outside: the issuer of tokens')
    .option('--local-trust-socket <path>', 'give local evidence on this unix socket (off without it)')
    .option('--sealing-key-file <file>', 'keys that seal secrets at rest')
    .option('--admin-oidc-issuer <url>', 'issuer whose tokens administrators may use')
    .option('--admin-oidc-audience <audience>', 'audience of those tokens')
    .option('--admin-oidc-claim <claim=value>', 'what makes an administrator, such as groups=sidekey-admins')
    .option('--admin-oidc-tenant-claim <claim>', 'claim that names the tenants they administer (all without it)')
    .option('--admin-oidc-ca-file <file>', "authorities for reaching that issuer beside the system's, PEM")
    .option('--context-file <file>', 'where to leave addresses for other commands (~/.sidekey/context.json)')
    .addHelpText(
      'after',
      `
Each option but --context-file has a variable: --data-dir is SIDEKEY_DATA_DIR. The administrator's token is made at the
first start, in bootstrap-token in the data folder; other commands of this user on this machine find it by themselves.

Examples:
  sidekey control-plane --data-dir /var/lib/sidekey
  sidekey control-plane --data-dir /var/lib/sidekey --database-url postgres://sidekey@db/sidekey --grpc-listen 0.0.0.0:7443`,
    )
    .action(runControlPlane);
}

async function runControlPlane(options: ControlPlaneOptions): Promise<void> {
  await harden();
  const config = parseControlPlaneConfig(
    { dataDir: process.env['SIDEKEY_DATA_DIR'] || `${sidekeyHome()}/control-plane`, ...options },
    process.env,
  );
  const { controlPlane, context } = await startWithContext(config, options.contextFile ?? contextFile());
  // Before it says that it is up: who hears that may ask it to end.
  const signalled = waitForSignal();
  console.error(`sidekey control-plane: proxies at ${context.grpc}, people and tools at ${context.server}`);
  if (controlPlane.metricsUrl !== undefined)
    console.error(`sidekey control-plane: metrics at ${controlPlane.metricsUrl}`);
  await signalled;
  await controlPlane.close();
}
