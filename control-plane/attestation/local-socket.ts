import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { removeStaleSocket } from '../../common/stale-socket.ts';
import type { LocalAuthority } from './local.ts';
import { loadPeerReader, type PeerProcess, type PeerReader } from './peer-process.ts';
import { proxyKeyThumbprint } from './proxy-key.ts';
import { AttestationError } from './trust-provider.ts';

export interface LocalSocketOptions {
  readonly path: string;
  readonly authority: LocalAuthority;
  /** Users (uid) that get evidence; default: the one this process runs as. */
  readonly allowedUids?: readonly number[];
  /** A client has this long for its line; default 2,000. */
  readonly timeoutMs?: number;
}

export interface LocalSocket {
  close(): Promise<void>;
}

const MAX_LINE_BYTES = 1024;
const MAX_CONNECTIONS = 64;

/**
 * Serves local evidence: the client sends one JSON line `{"proxy_key": "<base64url SPKI DER>"}` and gets one JSON line,
 * `{"token": "..."}` or `{"error": {"code", "message"}}`. Who asks is what the kernel says (SO_PEERCRED), never what it sends.
 */
export async function openLocalSocket(options: LocalSocketOptions): Promise<LocalSocket> {
  const readPeer = loadPeerReader();
  const allowedUids = options.allowedUids ?? [process.getuid?.() ?? -1];
  await removeStaleSocket(options.path);
  // A client may close its side after the line and still get its answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    // From the start, not since the last byte: a dripping client is cut too.
    const deadline = setTimeout(() => socket.destroy(), options.timeoutMs ?? 2_000);
    socket.on('close', () => clearTimeout(deadline));
    answer(socket, options.authority, readPeer, allowedUids).catch(() => socket.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(options.path);
  await once(server, 'listening');
  server.on('error', () => {});
  chmodSync(options.path, 0o600);
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function answer(
  socket: Socket,
  authority: LocalAuthority,
  readPeer: PeerReader,
  allowedUids: readonly number[],
): Promise<void> {
  let reply: { token: string } | { error: { code: string; message: string } };
  try {
    // At once, while the process that connected is the likeliest to be still there.
    const peer = readPeer(socket);
    reply = { token: await issue(await readLine(socket), peer, authority, allowedUids) };
  } catch (error) {
    const known = error instanceof AttestationError;
    reply = {
      error: {
        code: known ? error.reason : 'internal-error',
        message: known ? error.message : 'the peer could not be identified',
      },
    };
  }
  socket.end(`${JSON.stringify(reply)}\n`);
}

function issue(
  line: string,
  peer: PeerProcess,
  authority: LocalAuthority,
  allowedUids: readonly number[],
): Promise<string> {
  if (!allowedUids.includes(peer.uid)) {
    throw new AttestationError('caller-refused', 'this user may not get evidence here');
  }
  return authority.issue(peer, proxyKeyThumbprint(readProxyKey(line)));
}

function readProxyKey(line: string): Buffer {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (cause) {
    throw new AttestationError('evidence-malformed', 'the request is not a line of JSON', { cause });
  }
  const key = typeof request === 'object' && request !== null && 'proxy_key' in request ? request.proxy_key : undefined;
  if (typeof key !== 'string') throw new AttestationError('evidence-malformed', 'the request holds no proxy_key');
  return Buffer.from(key, 'base64url');
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0 && end <= MAX_LINE_BYTES) resolve(text.slice(0, end));
      else if (text.length > MAX_LINE_BYTES) {
        socket.pause();
        reject(new AttestationError('evidence-malformed', 'the request is over the limit'));
      }
    });
    const cut = () => reject(new AttestationError('evidence-malformed', 'the request ended before its line did'));
    socket.on('end', cut);
    socket.on('close', cut);
  });
}
