import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTunnelAgents } from '../../../../cli/agent/tunnel-agent.ts';
import { HAS_IPV6 } from '../../../support/has-ipv6.ts';

describe('createTunnelAgents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-tunnel-'));
  const socketPath = join(folder, 'docker.sock');
  const tunnels: string[] = [];
  const api = http.createServer((_, answer) => answer.end('from the socket'));
  const proxy = http
    .createServer((_, answer) => answer.end('from the proxy'))
    .on('connect', (request, socket) => {
      tunnels.push(String(request.url));
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntunneled'),
      );
    });
  const listen = (server: net.Server, ...at: [string] | [number, string]): Promise<void> =>
    new Promise((resolve) => (at.length === 1 ? server.listen(at[0], resolve) : server.listen(at[0], at[1], resolve)));
  const portOf = (server: net.Server): number => {
    const address = server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  };

  beforeAll(async () => {
    await listen(api, socketPath);
    await listen(proxy, 0, HAS_IPV6 ? '::1' : '127.0.0.1');
  });
  afterAll(async () => {
    for (const server of [api, proxy]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    rmSync(folder, { recursive: true, force: true });
  });

  function get(options: http.RequestOptions, agent: http.Agent): Promise<string> {
    return new Promise((resolve, reject) => {
      http
        .get({ ...options, agent }, (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part: string) => (text += part));
          answer.on('end', () => resolve(text));
        })
        .on('error', reject);
    });
  }

  it('leaves unix sockets alone, as Docker clients call them', async () => {
    const agents = createTunnelAgents('http://127.0.0.1:9');
    expect(await get({ socketPath, path: '/version' }, agents.http)).toBe('from the socket');
    agents.http.destroy();
  });

  it.skipIf(!HAS_IPV6)('takes a proxy at an IPv6 address (it needs IPv6)', async () => {
    const agents = createTunnelAgents(`http://[::1]:${portOf(proxy)}`);
    expect(await get({ host: 'api.example.com', port: 80 }, agents.http)).toBe('tunneled');
    expect(tunnels).toEqual(['api.example.com:80']);
    expect(await get({ host: '::1', port: portOf(proxy) }, agents.http)).toBe('from the proxy');
    expect(tunnels).toHaveLength(1);
    agents.http.destroy();
  });
});
