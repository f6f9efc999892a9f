import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findGoProgram } from '../support/go-program.ts';
import { type ForeignServer, startForeignServer } from '../support/upstreams/foreign-server.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { denial, type ProxyWorld, SECRET } from '../support/worlds/proxy-world.ts';
import { PYTHON, pythonGrpcServer } from '../support/agents/python-grpc.ts';

const GRPCURL = findGoProgram('grpcurl', '-version');
const isReady = GRPCURL !== undefined && spawnSync(PYTHON, ['-c', 'import grpc']).status === 0;

// Its texts are repeated so that messages joined are one message (Protocol Buffers, "Last One Wins" and merging).
const PROTO = `syntax = "proto3";
package echo;
message Texts { repeated string text = 1; }
service Echo {
  rpc Unary(Texts) returns (Texts);
  rpc Collect(stream Texts) returns (Texts);
  rpc Count(Texts) returns (stream Texts);
  rpc Chat(stream Texts) returns (stream Texts);
}
`;
/** Answers with what it was asked, and Unary with the credential it was sent ahead of that. */
const SERVER = pythonGrpcServer(
  `
        method = details.method.split("/")[-1]
        if method == "Unary":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: told(context) + request)
        if method == "Collect":
            return grpc.stream_unary_rpc_method_handler(lambda requests, context: b"".join(requests))
        if method == "Count":
            return grpc.unary_stream_rpc_method_handler(lambda request, context: (request for _ in range(3)))
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: requests)`,
  `
def told(context):
    credential = dict(context.invocation_metadata()).get("authorization", "none").encode()
    return bytes([10, len(credential)]) + credential`,
);

describe.skipIf(!isReady)(
  'grpcurl, and grpcio behind it (it needs grpcurl, which `npm test` installs with Go, and python3-grpcio)',
  () => {
    let server: ForeignServer;
    let allow: ProxyWorld['client']['decide'];

    beforeAll(async () => {
      server = await startForeignServer((folder) => [PYTHON, '-c', SERVER, folder]);
      allow = server.world.client.decide;
      await writeFile(join(dirname(server.caFile), 'echo.proto'), PROTO);
    }, 60_000);
    afterEach(() => {
      server.world.client.decide = allow;
    });
    afterAll(() => server.close());

    function call(method: string, ...requests: readonly object[]): Promise<ProcessEnd> {
      const proto = ['-import-path', dirname(server.caFile), '-proto', 'echo.proto'];
      const data = requests.map((request) => JSON.stringify(request)).join('');
      // Go takes no proxy for localhost, whatever the environment says.
      const to = ['-cacert', server.caFile, `localhost.:${server.port}`, `echo.Echo/${method}`];
      const env = { PATH: process.env['PATH'], HTTPS_PROXY: `http://127.0.0.1:${server.world.proxy.address.port}` };
      return runProcess([GRPCURL ?? '', ...proto, '-max-time', '20', '-d', data, ...to], env);
    }

    /** The texts of each message. */
    function texts({ stdout }: ProcessEnd): string[][] {
      const messages: { text?: string[] }[] = JSON.parse(`[${stdout.replaceAll(/\}\s*\{/g, '},{')}]`);
      return messages.map(({ text = [] }) => text);
    }

    test('a unary call: the credential is sent, and its echo scrubbed', async () => {
      const end = await call('Unary', { text: ['hello'] });
      expect({ ...end, texts: texts(end) }).toMatchObject({
        code: 0,
        texts: [[`Bearer ${'*'.repeat(SECRET.length)}`, 'hello']],
      });
    });

    test.each([
      ['Collect', [['a', 's', 'sk-live']]],
      ['Count', Array(3).fill(['a'])],
      ['Chat', [['a'], ['s'], ['sk-live']]],
    ])('streams: %s', async (method, expected) => {
      const requests = method === 'Count' ? [{ text: ['a'] }] : ['a', 's', 'sk-live'].map((text) => ({ text: [text] }));
      const end = await call(method, ...requests);
      expect({ ...end, texts: texts(end) }).toMatchObject({ code: 0, texts: expected });
    });

    test.each(['Unary', 'Collect', 'Count', 'Chat'])(
      '%s denied: the status and the reason are shown',
      async (method) => {
        server.world.client.decide = () => denial('rule-denied', 'as the policy says');
        const { code, stderr } = await call(method, { text: ['a'] });
        // 64 and the gRPC status.
        expect(code).toBe(64 + 7);
        expect(stderr).toMatch(
          /Code: PermissionDenied\n\s+Message: rule-denied: as the policy says \(decision [0-9a-f]{32}\)/,
        );
      },
    );
  },
);
