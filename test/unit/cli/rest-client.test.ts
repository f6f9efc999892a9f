import { createServer, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { UsageError } from '../../../common/errors.ts';
import { CommandFailed } from '../../../cli/exit-codes.ts';
import { RestClient, RestError, withClient } from '../../../cli/rest-client.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { startHttpsServer } from '../../support/upstreams/https-server.ts';

type Answer = (request: {
  method?: string;
  url?: string;
  headers: Record<string, unknown>;
  body: string;
}) => [number, string];

const UNREACHABLE = { exitCode: 4, message: expect.stringContaining('has ended the connection') };

async function followInto(seen: unknown[], client: RestClient): Promise<void> {
  for await (const item of client.follow('/v1/decisions')) seen.push(item);
}

describe('RestClient', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(answer: Answer): Promise<string> {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (text) => (body += text));
      request.on('end', () => {
        const [status, text] = answer({
          ...request,
          headers: request.headers,
          body,
          method: request.method ?? '',
          url: request.url ?? '',
        });
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(text);
      });
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const context = (url: string) => ({ server: url, tenant: 'acme', token: new Secret('admin-token') });

  it('sends tenant, token, query and body', async () => {
    const url = await serve(({ method, url: path, headers, body }) => [
      200,
      JSON.stringify({ method, path, tenant: headers['sidekey-tenant'], auth: headers['authorization'], body }),
    ]);
    const answer = await withClient(context(url), (client) =>
      client.call('POST', '/v1/apply', { query: { a: 'b c', none: undefined }, body: { x: 1 } }),
    );
    expect(answer).toEqual({
      method: 'POST',
      path: '/v1/apply?a=b+c',
      tenant: 'acme',
      auth: 'Bearer admin-token',
      body: '{"x":1}',
    });
  });

  it('turns a problem into an error with its code and details', async () => {
    const url = await serve(() => [
      400,
      JSON.stringify({ code: 'bad-reference', detail: 'wrong', errors: [{ field: 'spec.x', message: 'is missing' }] }),
    ]);
    const error = await withClient(context(url), (client) => client.call('GET', '/x')).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'bad-reference', message: 'wrong\n  spec.x: is missing' });
  });

  it('tells refused from unreachable', async () => {
    const url = await serve(() => [403, '{"code":"forbidden"}']);
    await expect(withClient(context(url), (client) => client.call('GET', '/x'))).rejects.toBeInstanceOf(RestError);
    await expect(
      withClient(context('http://127.0.0.1:1'), (client) => client.call('GET', '/x')),
    ).rejects.toBeInstanceOf(CommandFailed);
  });

  it('a load balancer that answers in its place is told as one', async () => {
    const url = await serve(() => [504, '<html><body><h1>504 Gateway Time-out</h1>']);
    const failure = withClient(context(url), (client) => client.call('GET', '/v1/sessions'));
    await expect(failure).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining('answered HTTP 504 in the place of the control plane'),
    });
  });

  it('says what to look at when TLS fails', async () => {
    const cleartext = (await serve(() => [200, '{}'])).replace('http:', 'https:');
    const untrusted = await startHttpsServer(() => (_, response) => response.end('{}'));
    const hints: [string, string][] = [
      [cleartext, 'is its REST API there, by default at port 7444?'],
      [untrusted.url, 'trust its authority: --ca-file, or SIDEKEY_CA_FILE'],
    ];
    for (const [url, hint] of hints) {
      const message = `cannot reach the control plane at ${url} (${hint})`;
      const call = withClient(context(url), (client) => client.call('GET', '/x'));
      await expect(call).rejects.toMatchObject({ exitCode: 4, message });
    }
    await untrusted.close();
  });

  it('says what to do about a certificate for other names', async () => {
    const { key, cert, caPem } = makeTlsIdentity(['sidekey.example.com']);
    const server = https.createServer({ key, cert }, (_, response) => response.end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const message = `cannot reach the control plane at ${url} (ask by a name that its certificate has: --server, or SIDEKEY_SERVER)`;
    const call = withClient({ ...context(url), caPem }, (client) => client.call('GET', '/x'));
    await expect(call).rejects.toMatchObject({ exitCode: 4, message });
    await new Promise((resolve) => server.close(resolve));
  });

  it('follows lines of JSON, heartbeats between them', async () => {
    const url = await serve(() => [200, '{"id":1}\n\n{"id":2}\n\n\n{"id":3}\n']);
    const client = new RestClient(context(url));
    const seen: unknown[] = [];
    // It is to go on: an end is told, however orderly.
    await expect(followInto(seen, client)).rejects.toMatchObject(UNREACHABLE);
    expect(seen).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    await client.close();
  });

  it.each([
    ['dies', (socket: Socket) => void socket.destroy()],
    ['says nothing any more', () => {}],
  ])('says that the control plane is gone when it %s in the middle', async (_, cut) => {
    server = createServer((request, response) => {
      response.write('{"id":1}\n', () => cut(request.socket));
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new RestClient(context(url), 1_500);
    const seen: unknown[] = [];
    await expect(followInto(seen, client)).rejects.toMatchObject(UNREACHABLE);
    expect(seen).toEqual([{ id: 1 }]);
    await expect(client.call('GET', '/x')).rejects.toMatchObject(UNREACHABLE);
    await client.close();
  });

  it('waits for the verdict on a long log, and for nothing else', async () => {
    server = createServer(({ url: asked }, response) => {
      if (asked === '/v1/verify-log') setTimeout(() => response.end('{"ok":true}'), 1_500);
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new RestClient(context(url), 100);
    await expect(client.call('GET', '/v1/sessions')).rejects.toBeInstanceOf(CommandFailed);
    expect(await client.call('GET', '/v1/verify-log')).toEqual({ ok: true });
    await client.close();
  });
});
