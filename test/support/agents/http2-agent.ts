import http2 from 'node:http2';
import type tls from 'node:tls';

export interface Http2Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly informational: readonly number[];
  readonly body: Buffer;
}

/** Node's own HTTP/2 client over a socket that was secured already. */
export function http2Agent(socket: tls.TLSSocket, authority: string): http2.ClientHttp2Session {
  const session = http2.connect(`https://${authority}`, { createConnection: () => socket });
  session.on('error', () => {});
  return session;
}

/** Sends a request and reads its whole answer; rejects when the stream is reset. */
export function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer | readonly Buffer[],
  trailers?: http2.OutgoingHttpHeaders,
): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, {
      endStream: body === undefined && trailers === undefined,
      waitForTrailers: trailers !== undefined,
    });
    const chunks: Buffer[] = [];
    const informational: number[] = [];
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    let trailing: http2.IncomingHttpHeaders = {};
    stream.on('headers', (interim) => informational.push(Number(interim[':status'])));
    stream.on('response', (found) => (head = found));
    stream.on('trailers', (found) => (trailing = found));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0 && head[':status'] === undefined) return reject(new Error(`reset ${stream.rstCode}`));
      if (stream.rstCode !== 0 && stream.rstCode !== 8) return reject(new Error(`reset ${stream.rstCode}`));
      resolve({
        status: head[':status'] ?? 0,
        headers: head,
        trailers: trailing,
        informational,
        body: Buffer.concat(chunks),
      });
    });
    for (const chunk of body === undefined ? [] : Buffer.isBuffer(body) ? [body] : body) stream.write(chunk);
    if (body !== undefined || trailers !== undefined) stream.end();
  });
}
