import http2 from 'node:http2';
import { authorityOf, dial } from './dial.ts';
import { driveLanes, type LoadDriver, type LoadSpec, RefusedError } from './spec.ts';
import { chatBody } from './upload.ts';

type Head = http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;

const STREAMS_EACH = 8;
const SETTINGS_TIMEOUT_MS = 10_000;

/** HTTP/2 connections with eight streams in flight on each: GETs, or unary gRPC calls. */
export async function openHttp2(spec: LoadSpec): Promise<LoadDriver> {
  const sessions: http2.ClientHttp2Session[] = [];
  for (let index = 0; index < spec.connections; index += 1) sessions.push(await connect(spec));
  const first = sessions[0];
  if (first === undefined) throw new Error('no connection asked for');
  const ask = spec.driver === 'grpc' ? askGrpc : askGet;
  const upload = spec.sends === undefined ? undefined : Buffer.from(chatBody(spec.sends));
  const echo = spec.echoPath === undefined ? undefined : (await ask(first, spec, spec.echoPath)).toString('latin1');
  const lanes = sessions.flatMap((session) =>
    Array.from({ length: STREAMS_EACH }, () => async () => {
      const body = await ask(session, spec, spec.path, upload);
      if (body.length !== spec.bytes) throw new Error(`wrong length ${body.length}`);
    }),
  );
  await Promise.all(lanes.map((lane) => lane()));
  return {
    echo,
    run: (ms, perSecond) => driveLanes(perSecond === undefined ? lanes : lanes.slice(0, 4), ms, perSecond),
  };
}

async function connect(spec: LoadSpec): Promise<http2.ClientHttp2Session> {
  const socket = await dial(spec, 'h2');
  const session = http2.connect(`https://${authorityOf(spec)}`, { createConnection: () => socket });
  session.on('error', () => session.destroy());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no SETTINGS came')), SETTINGS_TIMEOUT_MS);
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      resolve(session);
    });
    session.once('close', () => {
      clearTimeout(timer);
      reject(new RefusedError('the connection was closed before SETTINGS came'));
    });
  });
}

/** One exchange; body and trailers are read whole. */
function exchange(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  message: Buffer | undefined,
): Promise<{ head: Head; body: Buffer; trailers: http2.IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: message === undefined });
    const parts: Buffer[] = [];
    let head: Head = {};
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('response', (received) => {
      head = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    stream.on('end', () =>
      resolve({ head, body: parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts), trailers }),
    );
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`stream closed with code ${stream.rstCode}`)));
    if (message !== undefined) stream.end(message);
  });
}

async function askGet(
  session: http2.ClientHttp2Session,
  spec: LoadSpec,
  path: string,
  upload?: Buffer,
): Promise<Buffer> {
  const { head, body } = await exchange(
    session,
    {
      ...(upload === undefined
        ? {}
        : { ':method': 'POST', 'content-type': 'application/json', 'content-length': upload.length }),
      ':path': path,
      ':authority': authorityOf(spec),
      'user-agent': 'bench',
    },
    upload,
  );
  if (head[':status'] !== 200)
    throw new RefusedError(`wrong answer ${head[':status']}: ${body.toString('latin1', 0, 300)}`);
  return body;
}

const FRAME_HEAD_BYTES = 5;
const requests = new Map<number, Buffer>();

/** @returns the message of the answer, without its frame head */
async function askGrpc(session: http2.ClientHttp2Session, spec: LoadSpec, path: string): Promise<Buffer> {
  const { head, body, trailers } = await exchange(
    session,
    {
      ':method': 'POST',
      ':path': path,
      ':authority': authorityOf(spec),
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'bench',
    },
    requestFrame(spec.bytes),
  );
  const status = trailers['grpc-status'] ?? head['grpc-status'];
  if (head[':status'] !== 200 || status !== '0') {
    throw new RefusedError(
      `wrong answer ${head[':status']}, grpc-status ${status} ${String(head['grpc-message'] ?? '')}`,
    );
  }
  if (body.length < FRAME_HEAD_BYTES || body.readUInt32BE(1) !== body.length - FRAME_HEAD_BYTES) {
    throw new Error('wrong gRPC frame');
  }
  return body.subarray(FRAME_HEAD_BYTES);
}

function requestFrame(bytes: number): Buffer {
  let made = requests.get(bytes);
  if (made === undefined) {
    made = Buffer.alloc(FRAME_HEAD_BYTES + bytes, 'm');
    made[0] = 0;
    made.writeUInt32BE(bytes, 1);
    requests.set(bytes, made);
  }
  return made;
}
