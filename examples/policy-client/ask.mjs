// The policy client as a library: attests, waits for its routes, asks for one decision and records what came of it.
//   node examples/policy-client/ask.mjs HOST:PORT CA_FILE TOKEN_FILE URL
// HOST:PORT is the control plane's gRPC address, TOKEN_FILE holds a Kubernetes service account token.
import { readFileSync } from 'node:fs';
import { createPolicyClient } from 'sidekey/policy-client';

const [address, caFile, tokenFile, url] = process.argv.slice(2);
const { protocol, hostname, port, pathname } = new URL(url);
const destination = { scheme: protocol.slice(0, -1), host: hostname, port: Number(port) || 443 };

const client = createPolicyClient({
  address,
  caPem: readFileSync(caFile, 'utf8'),
  tenant: 'default',
  // Read afresh at each attestation: the kubelet rotates the file.
  evidence: async () => [
    { kind: 'kubernetes', subject: 1, token: Buffer.from(readFileSync(tokenFile, 'utf8').trim()) },
  ],
});
await client.start();
await client.ready;
console.log('workloads:', client.session().workloads.join(', '));

const route = client.routes().find((found) => found.hosts.includes(hostname) && found.ports.includes(destination.port));
if (route === undefined) {
  console.log('no route: denied');
} else {
  const answer = await client.authorize({ destination, method: 'GET', path: pathname, route });
  // Printing the grant masks its credential.
  console.log(answer.kind === 'grant' ? `granted by ${answer.grant.accessPolicy}` : `denied: ${answer.reason}`);
}
await client.close(2_000);
