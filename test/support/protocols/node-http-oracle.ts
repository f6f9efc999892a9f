import http from 'node:http';
import { Duplex } from 'node:stream';

/** A message as Node's parser (llhttp) reads it. */
export interface OracleMessage {
  readonly start: string;
  readonly headers: [string, string][];
  body: string;
  complete: boolean;
}

export interface OracleReading {
  readonly messages: OracleMessage[];
  error: string | undefined;
}

/** A socket that gives these bytes and then ends; what is written to it is dropped. */
function socketWith(bytes: Buffer): Duplex {
  const socket = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
  socket.on('error', () => {});
  socket.push(bytes);
  socket.push(null);
  return Object.assign(socket, { setKeepAlive() {}, setNoDelay() {}, setTimeout() {}, ref() {}, unref() {} });
}

function collect(message: http.IncomingMessage, start: string, reading: OracleReading): void {
  const headers: [string, string][] = [];
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    headers.push([message.rawHeaders[at] ?? '', message.rawHeaders[at + 1] ?? '']);
  }
  const read: OracleMessage = { start, headers, body: '', complete: false };
  reading.messages.push(read);
  message.on('error', () => {});
  message.on('data', (bytes: Buffer) => (read.body += bytes.toString('latin1')));
  message.on('end', () => (read.complete = message.complete));
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Reads a request stream with Node's server. */
export async function readRequestsWithNode(bytes: Buffer): Promise<OracleReading> {
  const reading: OracleReading = { messages: [], error: undefined };
  const server = http.createServer({ maxHeaderSize: 131_072, keepAliveTimeout: 0 }, (request, response) => {
    collect(request, `${request.method} ${request.url} ${request.httpVersion}`, reading);
    response.end();
  });
  server.on('connect', (request: http.IncomingMessage, socket: Duplex) => {
    collect(request, `${request.method} ${request.url} ${request.httpVersion}`, reading);
    for (const message of reading.messages.slice(-1)) message.complete = true;
    socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    reading.error ??= error.code ?? 'unknown';
    socket.destroy();
  });
  const socket = socketWith(bytes);
  server.emit('connection', socket);
  await settle();
  socket.destroy();
  server.close();
  return reading;
}

/** Reads the answer to one request with Node's client. */
export async function readResponseWithNode(method: string, bytes: Buffer): Promise<OracleReading> {
  const reading: OracleReading = { messages: [], error: undefined };
  const socket = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
  Object.assign(socket, { setKeepAlive() {}, setNoDelay() {}, setTimeout() {}, ref() {}, unref() {} });
  const request = http.request({
    method,
    host: 'a.example',
    maxHeaderSize: 131_072,
    createConnection: () => socket,
  });
  request.on('error', (error: NodeJS.ErrnoException) => (reading.error ??= error.code ?? 'unknown'));
  request.on('response', (response) => {
    collect(response, `${response.statusCode} ${response.statusMessage} ${response.httpVersion}`, reading);
    response.on('error', (error: NodeJS.ErrnoException) => (reading.error ??= error.code ?? 'unknown'));
  });
  request.end();
  await new Promise((resolve) => setImmediate(resolve));
  socket.push(bytes);
  socket.push(null);
  await settle();
  socket.destroy();
  return reading;
}
