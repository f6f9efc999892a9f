import { spawnSync } from 'node:child_process';
import type net from 'node:net';
import { describe, expect, test } from 'vitest';
import { runProcess } from '../support/process.ts';
import { route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';

const PYTHON = '/usr/bin/python3';
const missing = spawnSync(PYTHON, ['-c', 'import requests']).status === 0 ? undefined : 'python3-requests';

/** Calls one host, tells its server that it has an answer, then calls another host: through the proxy, in the clear. */
const AGENT = `
import json, requests, socket, sys
proxy, evil, api = sys.argv[1:]
session = requests.Session()
session.proxies = {'http': f'http://127.0.0.1:{proxy}'}
told = []
for host, port in (('other.test', evil), ('api.test', api)):
    answer = session.get(f'http://{host}:{port}/', timeout=20)
    told.append([answer.status_code, answer.text])
    if host == 'other.test':
        socket.create_connection(('127.0.0.1', int(evil))).sendall(b'GO')
print(json.dumps(told))
`;

describe.skipIf(missing !== undefined)(`requests${missing === undefined ? '' : ` (it needs ${missing})`}`, () => {
  test('A-13 the answer behind an interim one is not taken for that of another host', async () => {
    let waiting: net.Socket | undefined;
    const goOn = (): void => {
      waiting?.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged');
      waiting = undefined;
    };
    const evil = await startRawUpstream((socket) => {
      socket.once('data', (bytes) => {
        if (bytes.toString() === 'GO') return goOn();
        waiting = socket;
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
        // An agent that waits for the answer itself says nothing.
        setTimeout(goOn, 2_000);
      });
    });
    const world = await startProxyWorld({
      routes: ({ httpPort }) => [
        route({ ports: [httpPort] }),
        route({ serverWorkload: 'other', hosts: ['other.test'], ports: [evil.port], injectsCredential: false }),
      ],
    });
    const args = [world.proxy.address.port, evil.port, world.upstream.httpPort].map(String);
    const { stdout, stderr } = await runProcess([PYTHON, '-c', AGENT, ...args], process.env);
    await world.close();
    await evil.close();
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      [200, 'forged'],
      [200, 'hello'],
    ]);
  });
});
