import { describe, expect, it } from 'vitest';
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { PREFACE } from '../../proxy/protocols/http2/frames.ts';
import { Http2Connection } from '../../proxy/sessions/http2/connection.ts';
import { hear, type React } from '../support/protocols/http2-play.ts';
import { randomConversation } from '../support/protocols/http2-random.ts';
import { seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Two readers that see different requests in the same frames are how requests are smuggled. So: a request
 * that both we and nghttp2 read whole on a stream is the same request. Either may refuse more.
 */

const BEARING = { controlFrameAllowance: 1e6, resetAllowance: 1e6 };

/** The frames before the one that ends the connection: behind that one Node may forget what it has read. */
function beforeBreak(bytes: Buffer): Buffer {
  const server = new Http2Connection('server', BEARING);
  for (let start = 0, end = PREFACE.length; start < bytes.length; ) {
    if (hear(server, [bytes.subarray(start, end)]).error !== undefined) return bytes.subarray(0, start);
    start = end;
    end = start + 9 + (start + 3 <= bytes.length ? bytes.readUIntBE(start, 3) : 0);
  }
  return bytes;
}

function readRequests(bytes: Buffer): Map<number, ReadRequest> {
  const whole = new Map<number, ReadRequest>();
  const open = new Map<number, { line: string; fields: string[]; body: string }>();
  const react: React = (event) => {
    if (event.type === 'request-head') {
      const { method, scheme, authority, path, headers } = event.head;
      const fields = [...headers].filter(([name]) => name.startsWith('x-')).map(([name, value]) => `${name}: ${value}`);
      open.set(event.stream, { line: `${method} ${scheme} ${authority} ${path}`, fields, body: '' });
    } else if (event.type === 'body') {
      const one = open.get(event.stream);
      if (one !== undefined) one.body += event.bytes.toString('latin1');
    } else if (event.type === 'end') {
      const one = open.get(event.stream);
      const trailers = [...(event.trailers ?? [])]
        .filter(([name]) => name.startsWith('x-'))
        .map(([n, v]) => `${n}: ${v}`);
      if (one !== undefined) whole.set(event.stream, { ...one, trailers });
    } else if (event.type === 'reset') whole.delete(event.stream);
  };
  hear(new Http2Connection('server', BEARING), [bytes], react);
  return whole;
}

/** A request that a server read whole. */
interface ReadRequest {
  readonly line: string;
  readonly fields: string[];
  readonly body: string;
  readonly trailers: string[];
}

const ENOUGH_TURNS = 40;

function fieldsOf(headers: http2.IncomingHttpHeaders): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => `${name}: ${String(value)}`);
}

/** What Node's server, which is nghttp2, reads from the bytes of one client; by stream. It answers nothing. */
async function readRequestsWithNode(bytes: Buffer): Promise<Map<number, ReadRequest>> {
  const requests = new Map<number, ReadRequest>();
  const wire = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const server = http2.createServer({ settings: { maxConcurrentStreams: 128 } });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    const { id = 0 } = stream;
    let body = '';
    let trailers: string[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => void (body += chunk.toString('latin1')));
    stream.on('trailers', (fields: http2.IncomingHttpHeaders) => void (trailers = fieldsOf(fields)));
    stream.on('end', () => {
      if (stream.aborted || stream.rstCode !== 0) return;
      const line = [':method', ':scheme', ':authority', ':path'].map((name) => headers[name] ?? '').join(' ');
      requests.set(id, { line, fields: fieldsOf(headers), body, trailers });
    });
  });
  wire.on('error', () => {});
  server.emit('connection', wire);
  wire.push(bytes);
  for (let turn = 0; turn < ENOUGH_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  wire.destroy();
  return requests;
}

/** Node's objects of headers join the values of a name; so are ours, to compare. */
function joined(fields: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const field of fields) {
    const at = field.indexOf(': ');
    const [name, value] = [field.slice(0, at), field.slice(at + 2)];
    const known = byName.get(name);
    byName.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return [...byName].map(([name, value]) => `${name}: ${value}`);
}

describe('HTTP/2 against nghttp2', () => {
  it('reads requests as Node does', { timeout: FUZZ_SECONDS * 1_000 + 60_000 }, async () => {
    const until = Date.now() + FUZZ_SECONDS * 1_000;
    let agreed = 0;
    for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) {
      const bytes = beforeBreak(randomConversation(seededRandom(seed), 15));
      const requests = readRequests(bytes);
      if (requests.size === 0) continue;
      const theirs = await readRequestsWithNode(bytes);
      for (const [stream, ours] of requests) {
        const other = theirs.get(stream);
        // Node ends some connections that we let live, so that it does not come to this request.
        if (other === undefined) continue;
        agreed += 1;
        const what = `FUZZ_SEED=${seed} stream ${stream}`;
        expect(other, what).toEqual({
          ...ours,
          fields: joined(ours.fields),
          trailers: joined(ours.trailers),
        });
      }
    }
    expect(agreed, 'the generator makes requests that both read').toBeGreaterThan(0);
  });
});
