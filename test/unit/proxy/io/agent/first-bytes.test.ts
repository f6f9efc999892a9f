import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentSessions } from '../../../../../proxy/io/agent/agent-sessions.ts';
import { FirstBytes, type FirstBytesEnd } from '../../../../../proxy/io/agent/first-bytes.ts';

const SESSIONS = { track: () => () => {} } as unknown as AgentSessions;
// As our listeners are: an agent may end its side and still be answered.
const server = createServer({ allowHalfOpen: true });

beforeEach(async () => void (await once(server.listen(0, '127.0.0.1'), 'listening')));
afterEach(() => void server.close());

async function connection(): Promise<{ agent: Socket; socket: Socket }> {
  const accepted = once(server, 'connection');
  const agent = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  return { agent, socket };
}

/** Two bytes are enough. */
async function readFirst(socket: Socket, meanwhile = (): void => {}): Promise<FirstBytesEnd<string>> {
  const end = await new Promise<FirstBytesEnd<string>>((done) => {
    const judge = (bytes: Buffer) => (bytes.length < 2 ? undefined : bytes.toString());
    new FirstBytes(SESSIONS, socket, { judge, deadlineAt: 0, done });
    meanwhile();
  });
  socket.destroy();
  return end;
}

it('gives the bytes once they say enough', async () => {
  const { agent, socket } = await connection();
  agent.write('a');
  const end = await readFirst(socket, () => setImmediate(() => agent.end('b')));
  expect(end).toMatchObject({ kind: 'known', value: 'ab' });
});

it('says of one that ends its side early that it has gone', async () => {
  const { agent, socket } = await connection();
  expect((await readFirst(socket, () => agent.end('a'))).kind).toBe('closed');
});

it('says so of one that had gone before anybody looked', async () => {
  const { agent, socket } = await connection();
  const ended = once(socket, 'end');
  agent.end();
  await ended;
  expect((await readFirst(socket)).kind).toBe('closed');
});
