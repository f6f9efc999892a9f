/**
 * Asks the control plane about one call, without a proxy: `node ask.mjs https://api.example.com/items`
 *
 * SIDEKEY_ADDRESS        host:port of the control plane
 * SIDEKEY_CA_FILE        PEM file of the certificate authority that vouches for it
 * SIDEKEY_TENANT         tenant to attest in
 * SIDEKEY_EVIDENCE_FILE  OIDC token that proves who this is; it is read afresh for every attestation
 */
import { readFile } from 'node:fs/promises';
import { createPolicyClient, type Answer, type Route } from '../../policy-client/index.ts';

const WORKLOAD = 1;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`set ${name}`);
  return value;
}

function findRoute(routes: readonly Route[], host: string, port: number): Route | undefined {
  return routes.find(({ hosts, ports }) => hosts.includes(host) && ports.includes(port));
}

function describe(answer: Answer): string {
  if (answer.kind === 'denial') return `denied: ${answer.reason}: ${answer.message}`;
  const { accessPolicy, credentialProvider } = answer.grant;
  return `allowed by ${accessPolicy} with ${credentialProvider || 'no credential'}${answer.fromCache ? ', from the cache' : ''}`;
}

const url = new URL(process.argv[2] ?? 'https://api.example.com/');
const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
const evidenceFile = setting('SIDEKEY_EVIDENCE_FILE');

const client = createPolicyClient({
  address: setting('SIDEKEY_ADDRESS'),
  caPem: await readFile(setting('SIDEKEY_CA_FILE'), 'utf8'),
  tenant: setting('SIDEKEY_TENANT'),
  evidence: async () => [{ kind: 'oidc', token: await readFile(evidenceFile), subject: WORKLOAD }],
  log: { info: () => {}, warn: console.error, error: console.error },
});

client.onRevocation(({ name }) => console.log(`revoked: ${name}`));
await client.start();
await client.ready;
console.log(`attested as ${client.session()?.workloads.join(', ')}`);

const route = findRoute(client.routes(), url.hostname, port);
if (route === undefined) console.log(`denied: no-route: nothing is known of ${url.host}`);
else {
  const question = {
    destination: { scheme: url.protocol.slice(0, -1), host: url.hostname, port },
    method: 'GET',
    path: url.pathname,
    query: url.search.slice(1),
    route,
  };
  console.log(describe(await client.authorize(question)));
  // The second answer comes at once, if the grant may be reused.
  console.log(describe(await client.authorize(question)));
}
await client.close(1_000);
