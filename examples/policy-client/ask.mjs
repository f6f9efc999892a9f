// The policy client as a library: attests, waits for its routes, asks about one call twice and records what came of it.
//   node examples/policy-client/ask.mjs https://api.example.com/items
//
// SIDEKEY_ADDRESS        host:port of the control plane's gRPC API
// SIDEKEY_CA_FILE        PEM file of the certificate authority that vouches for it
// SIDEKEY_TENANT         tenant to attest in; default: default
// SIDEKEY_EVIDENCE_FILE  OIDC token that proves who this is
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createPolicyClient, DecisionRecord, EvidenceSubject, Outcome, REASONS } from 'sidekey/policy-client';

const url = new URL(process.argv[2] ?? 'https://api.example.com/');
const destination = {
  scheme: url.protocol.slice(0, -1),
  host: url.hostname,
  port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
};
const evidenceFile = setting('SIDEKEY_EVIDENCE_FILE');

const client = createPolicyClient({
  address: setting('SIDEKEY_ADDRESS'),
  caPem: await readFile(setting('SIDEKEY_CA_FILE'), 'utf8'),
  tenant: process.env['SIDEKEY_TENANT'] || 'default',
  // Called before each attestation: whoever issues the token replaces it in time.
  evidence: async () => [
    {
      kind: 'oidc',
      token: Buffer.from((await readFile(evidenceFile, 'utf8')).trim()),
      subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD,
    },
  ],
  log: { info: () => {}, warn: console.error, error: console.error },
});

client.onRevocation(({ name }) => console.log(`revoked: ${name}`));
await client.start();
await client.ready;
console.log(`attested as ${client.session()?.workloads.join(', ')}`);

const route = client
  .routes()
  .find(({ hosts, ports }) => hosts.includes(url.hostname) && ports.includes(destination.port));
if (route === undefined) {
  console.log(`denied: no-route: nothing is known of ${url.host}`);
} else {
  const question = { destination, method: 'GET', path: url.pathname, query: url.search.slice(1), route };
  report(await client.authorize(question));
  // The second answer comes at once, if the grant may be reused.
  report(await client.authorize(question));
}
// Delivers the records within this time.
await client.close(2_000);

function report(answer) {
  const isGrant = answer.kind === 'grant';
  // Printing the grant itself would mask its credential.
  const { accessPolicy = '', credentialProvider = '', serverWorkload = '' } = isGrant ? answer.grant : {};
  if (isGrant) {
    const how = `with ${credentialProvider || 'no credential'}${answer.fromCache ? ', from the cache' : ''}`;
    console.log(`allowed by ${accessPolicy} ${how}`);
  } else console.log(`denied: ${answer.reason}: ${answer.message}`);
  client.record(
    DecisionRecord.fromPartial({
      id: randomUUID(),
      at: new Date(),
      sessionId: client.session()?.id,
      workloads: client.session()?.workloads,
      destination,
      method: 'GET',
      path: url.pathname,
      accessPolicy,
      serverWorkload,
      reason: REASONS[isGrant ? 'ok' : answer.reason].number,
      outcome: isGrant ? Outcome.OUTCOME_ALLOWED : Outcome.OUTCOME_DENIED,
    }),
  );
}

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}
