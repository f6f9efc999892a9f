import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GrpcEcho, startGrpcEcho } from '../support/upstreams/grpc-echo.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { runProcess } from '../support/process.ts';
import {
  bearer,
  grant,
  denial,
  HOSTS,
  type ProxyWorld,
  routeTo,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';

// Programs that nobody here wrote speak HTTP/2 and gRPC through the proxy.
const PYTHON = '/usr/bin/python3';

const GRPC = `
import grpc, sys
target, ca = sys.argv[1:]
with open(ca, 'rb') as file:
    credentials = grpc.ssl_channel_credentials(file.read())
with grpc.secure_channel(target, credentials) as channel:
    unary = channel.unary_unary('/echo.Echo/Unary')
    answer, call = unary.with_call(b'echo', timeout=10)
    print('unary', answer.decode(), dict(call.trailing_metadata())['x-end'])
    print('collect', channel.stream_unary('/echo.Echo/Collect')(iter([b'a', b'b', b'c']), timeout=10).decode())
    print('count', [part.decode() for part in channel.unary_stream('/echo.Echo/Count')(b'4', timeout=10)])
    print('chat', [part.decode() for part in channel.stream_stream('/echo.Echo/Chat')(iter([b'x', b'y']), timeout=10)])
    for request, timeout in ((b'fail', 10), (b'hang', 0.5)):
        try:
            unary(request, timeout=timeout)
        except grpc.RpcError as error:
            print(error.code().name, error.details())
    try:
        channel.unary_unary('/echo.Echo/Denied')(b'', timeout=10)
    except grpc.RpcError as error:
        print(error.code().name, error.details().split(' (')[0])
`;

let world: ProxyWorld;
let server: GrpcEcho;
let upstream: Http2UpstreamServer;
let folder: string;
let caFile: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  server = await startGrpcEcho(HOSTS);
  upstream = await startHttp2Upstream(HOSTS, (stream, headers) => {
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(`${headers[':method']} ${bytes} ${headers.authorization}`);
    });
  });
  world = await startProxyWorld({
    routes: () => [server, upstream].map(({ port, caPem }) => routeTo({ port, caPem })),
  });
  world.client.decide = (question) =>
    question.path.endsWith('/Denied') ? denial('rule-denied', 'not this method') : grant(question, bearer(SECRET));
  folder = await mkdtemp(join(tmpdir(), 'sidekey-http2-'));
  caFile = join(folder, 'ca.pem');
  await writeFile(caFile, world.proxy.caPem ?? '');
  const proxy = `http://127.0.0.1:${world.proxy.address.port}`;
  env = { PATH: process.env['PATH'], HOME: folder, https_proxy: proxy, HTTPS_PROXY: proxy };
});
afterAll(async () => {
  await world.close();
  server.close();
  await upstream.close();
  await rm(folder, { recursive: true, force: true });
});

const MASKED = `Bearer ${'*'.repeat(SECRET.length)}`;

function lacks(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status !== 0;
}

describe.skipIf(lacks(PYTHON, '-c', 'import grpc'))('Python gRPC (it needs python3-grpcio)', () => {
  test('all kinds of calls, statuses, a deadline and a denial', async () => {
    const { stdout, stderr } = await runProcess([PYTHON, '-c', GRPC, `localhost:${server.port}`, caFile], env);
    expect({ lines: stdout.trim().split('\n'), stderr }).toMatchObject({
      lines: [
        `unary ${MASKED} ${MASKED}`,
        'collect abc',
        "count ['0', '1', '2', '3']",
        "chat ['re: x', 're: y']",
        'FAILED_PRECONDITION not now: 50%',
        expect.stringMatching(/^DEADLINE_EXCEEDED/),
        'PERMISSION_DENIED rule-denied: not this method',
      ],
    });
  });
});

describe.skipIf(lacks('curl', '--http2', '--version'))('curl --http2', () => {
  test('sends and gets through HTTP/2 on both sides', async () => {
    const file = join(folder, 'upload');
    await writeFile(file, Buffer.alloc(2_000_000, 'x'));
    const command = ['curl', '--silent', '--show-error', '--http2', '--cacert', caFile, '-w', ' %{http_version}'];
    const url = `https://localhost:${upstream.port}/`;
    const got = await runProcess([...command, '--data-binary', `@${file}`, url], env);
    expect(got).toEqual({ code: 0, stdout: `POST 2000000 ${MASKED} 2`, stderr: '' });
  });

  test('is told why, though it has not sent its body by then', async () => {
    const script = '(sleep 0.3; echo some) | curl --silent --show-error --http2 --cacert "$0" -T - "$1"';
    const got = await runProcess(['/bin/sh', '-c', script, caFile, `https://localhost:${upstream.port}/Denied`], env);
    expect(got).toMatchObject({ code: 0, stderr: '' });
    expect(got.stdout).toMatch(/"code":"rule-denied"/);
  });

  test('takes many files over one connection', async () => {
    const command = ['curl', '--silent', '--show-error', '--http2', '--parallel', '--cacert', caFile];
    const got = await runProcess([...command, `https://localhost:${upstream.port}/[1-40]`], env);
    expect(got).toMatchObject({ code: 0, stdout: `GET 0 ${MASKED}`.repeat(40) });
  });
});

describe.skipIf(lacks(PYTHON, '-c', 'import h2, httpx'))(
  'Python httpx with HTTP/2 (it needs python3-httpx, python3-h2)',
  () => {
    test('sends and gets through HTTP/2 on both sides', async () => {
      const script = `
import httpx, sys
with httpx.Client(http2=True, verify=sys.argv[2]) as client:
    for _ in range(3):
        r = client.post(sys.argv[1], content=b'x' * 300_000)
    print(r.http_version, r.status_code, r.text)
`;
      const { stdout, stderr } = await runProcess(
        [PYTHON, '-c', script, `https://localhost:${upstream.port}/`, caFile],
        env,
      );
      expect({ stdout, stderr }).toMatchObject({ stdout: `HTTP/2 200 POST 300000 ${MASKED}\n` });
    });
  },
);
