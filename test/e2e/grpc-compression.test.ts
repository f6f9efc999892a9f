import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ForeignServer, startForeignServer } from '../support/upstreams/foreign-server.ts';
import { runProcess } from '../support/process.ts';
import { SECRET } from '../support/worlds/proxy-world.ts';
import { PYTHON, pythonGrpcServer } from '../support/upstreams/python-grpc.ts';

// Messages of gRPC may be compressed one by one (gRPC over HTTP/2, "Compressed-Flag"), which Content-Encoding says nothing of.

/** Gives away the credential that it was sent, often enough that compression pays. */
const SERVER = pythonGrpcServer(
  `
        if details.method.endswith("Unary"):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: told(context) + request)
        return grpc.unary_stream_rpc_method_handler(lambda request, context: (told(context) + request for _ in range(3)))`,
  `
def told(context):
    return (dict(context.invocation_metadata())["authorization"] + " ").encode() * 40`,
  'compression=getattr(grpc.Compression, sys.argv[2])',
);

/** Compresses what it sends, too; prints what it hears. */
const CLIENT = `
import grpc, sys
target, ca = sys.argv[1:]
credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
with grpc.secure_channel(target, credentials, compression=grpc.Compression.Gzip) as channel:
    print(channel.unary_unary("/echo.Echo/Unary")(b"x" * 2000, timeout=20).decode())
    for part in channel.unary_stream("/echo.Echo/Count")(b"y" * 2000, timeout=20):
        print(part.decode())
`;

describe.skipIf(spawnSync(PYTHON, ['-c', 'import grpc']).status !== 0).each(['Gzip', 'Deflate', 'NoCompression'])(
  'a gRPC server that compresses messages with %s (it needs python3-grpcio)',
  (compression) => {
    let server: ForeignServer;
    beforeAll(async () => {
      server = await startForeignServer((folder) => [PYTHON, '-c', SERVER, folder, compression]);
    }, 60_000);
    afterAll(() => server.close());

    test('A-02 an echo in them is scrubbed', { timeout: 60_000 }, async () => {
      const { world, port, caFile } = server;
      const env = { PATH: process.env['PATH'], https_proxy: `http://127.0.0.1:${world.proxy.address.port}` };
      const command = [PYTHON, '-c', CLIENT, `localhost:${port}`, caFile];
      const { stdout, stderr } = await runProcess(command, env, { timeoutMs: 50_000 });
      const told = `Bearer ${'*'.repeat(SECRET.length)} `.repeat(40);
      const [unary, ...stream] = [told + 'x'.repeat(2000), ...Array(3).fill(told + 'y'.repeat(2000))];
      expect({ lines: stdout.trim().split('\n'), stderr }).toMatchObject({ lines: [unary, ...stream] });
    });
  },
);
