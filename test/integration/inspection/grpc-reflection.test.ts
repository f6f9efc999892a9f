import { makeGenericClientConstructor, Server, ServerCredentials, ChannelCredentials } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { HOSTS } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

// Reflection is a service like any other: it tells what a server has, to those alone whom a rule lets ask.
const LIST_SERVICES = Buffer.from([0x3a, 0x00]);
const definition = fromJSON({
  nested: {
    stock: {
      nested: {
        Item: { fields: { name: { type: 'string', id: 1 } } },
        Inventory: { methods: { Get: { requestType: 'Item', responseType: 'Item', comment: '' } } },
      },
    },
  },
});
const method = (path: string) => {
  const same = (value: Buffer): Buffer => value;
  const streams = { requestStream: true, responseStream: true };
  return {
    ask: {
      path,
      ...streams,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
};

let server: Server;
let world: InspectingWorld;
let port: number;

beforeAll(async () => {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  server = new Server();
  new ReflectionService(definition).addToServer(server);
  const identity = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }];
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, identity), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const policy = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'] } },
    AccessPolicy: {
      rules: {
        clientWorkload: 'billing-agent',
        serverWorkload: 'api',
        rules: [{ grpc: { services: ['stock.Inventory', 'grpc.reflection.v1.ServerReflection'] } }],
      },
    },
  });
  const tls = { mode: TlsMode.TLS_MODE_UNSPECIFIED, caPem, serverName: '' };
  world = await startInspectingWorld(policy, { hosts: ['localhost'], ports: [port], tls });
  process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
}, 60_000);
afterAll(async () => {
  delete process.env['grpc_proxy'];
  server.forceShutdown();
  await world.close();
});

/** What reflection answers, as text, or why it does not. */
function reflect(service: string): Promise<string> {
  const Client = makeGenericClientConstructor(method(`/${service}/ServerReflectionInfo`), 'Reflection');
  const credentials = ChannelCredentials.createSsl(Buffer.from(world.proxy.caPem ?? ''));
  const client = new Client(`localhost:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  return new Promise((resolve) => {
    const call = client['ask']?.();
    let answer = '';
    call.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    call.on('error', (error: { details: string }) => resolve(error.details));
    call.on('end', () => resolve(answer));
    call.write(LIST_SERVICES);
    call.end();
  }).finally(() => client.close()) as Promise<string>;
}

it('lists services where a rule allows reflection, by its version', async () => {
  expect(await reflect('grpc.reflection.v1.ServerReflection')).toContain('stock.Inventory');
  const refused = await reflect('grpc.reflection.v1alpha.ServerReflection');
  expect(refused).toContain('rule-denied');
  expect(refused).not.toContain('stock.Inventory');
  expect(world.decisions()).toEqual([
    'ok grpc:grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    'rule-denied grpc:grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  ]);
}, 60_000);
