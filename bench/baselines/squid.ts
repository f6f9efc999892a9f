import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORIZATION } from '../credential.ts';
import { type Contender, freePort, isInstalled, ownFolder, startProgram } from '../forwarder.ts';
import { explicit } from './node.ts';

const CERTIFICATES = '/usr/lib/squid/security_file_certgen';

/**
 * Squid as an explicit proxy with ssl-bump: like Sidekey it takes CONNECT and makes a certificate for each host. It has
 * one process and one helper for certificates; no cache, no logs.
 */
export const squid: Contender = {
  name: 'Squid ssl-bump',
  missing: () => (isInstalled(CERTIFICATES, ['-h']) ? undefined : 'not installed'),
  start: async (world) => {
    const folder = ownFolder(world, 'squid');
    const own = join(folder, 'own');
    mkdirSync(own);
    makeAuthority(folder);
    writeFileSync(join(folder, 'upstream-ca.pem'), world.caPem);
    const port = await freePort();
    const file = join(folder, 'squid.conf');
    writeFileSync(file, configuration(folder, port));
    runOnce(CERTIFICATES, ['-c', '-s', join(own, 'certificates'), '-M', '4MB']);
    if (process.getuid?.() === 0) runOnce('chown', ['-R', 'proxy:proxy', own]);
    const program = await startProgram('squid', ['-N', '-f', file], port);
    return {
      name: 'Squid ssl-bump',
      caPem: readFileSync(join(folder, 'ca.pem'), 'utf8'),
      leaks: true,
      lanes: explicit(port, ['plain', 'secure', 'websocket', 'sse']),
      ...program,
    };
  },
};

function configuration(folder: string, port: number): string {
  return `
http_port 127.0.0.1:${port} ssl-bump tls-cert=${folder}/ca.pem tls-key=${folder}/ca.key generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program ${CERTIFICATES} -s ${folder}/own/certificates -M 4MB
sslcrtd_children 1 startup=1 idle=1
${process.getuid?.() === 0 ? 'cache_effective_user proxy\ncache_effective_group proxy' : ''}
ssl_bump bump all
tls_outgoing_options cafile=${folder}/upstream-ca.pem
http_access allow all
request_header_access Authorization deny all
request_header_add Authorization "${AUTHORIZATION}" all
cache deny all
cache_mem 0 MB
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
coredump_dir ${folder}/own
netdb_filename none
pinger_enable off
via off
forwarded_for delete
max_filedescriptors 16384
shutdown_lifetime 0 seconds
client_persistent_connections on
server_persistent_connections on
http_upgrade_request_protocols websocket allow all
`;
}

/** Squid signs with a P-256 authority of its own; its leaves get the kind of key that the authority has. */
function makeAuthority(folder: string): void {
  runOnce('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=bench squid', '-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.pem')],
  ]);
}

function runOnce(program: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
}
