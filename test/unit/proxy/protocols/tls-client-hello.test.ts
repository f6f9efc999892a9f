import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClientHello } from '../../../../proxy/protocols/tls-client-hello.ts';
import { ECH, extension, hello, record, sni, vector } from '../../../support/protocols/client-hello.ts';

/** The first bytes that Node's own client sends. */
async function realHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const parts: Buffer[] = [];
  socket.on('error', () => {});
  while (readClientHello(Buffer.concat(parts)).kind === 'need-more') parts.push((await once(socket, 'data'))[0]);
  client.destroy();
  socket.destroy();
  server.close();
  return Buffer.concat(parts);
}

const NAME = Buffer.concat([Buffer.from([0]), vector(2, Buffer.from('a.example'))]);
const H2 = vector(1, Buffer.from('h2'));

/** With one byte more, which its length counts. */
function longer(message: Buffer): Buffer {
  const bytes = Buffer.concat([message, Buffer.from([0])]);
  bytes.writeUIntBE(bytes.length - 4, 1, 3);
  return bytes;
}

describe('readClientHello', () => {
  it.each<[tls.ConnectionOptions, object]>([
    [{ servername: 'API.example.com', ALPNProtocols: ['h2', 'http/1.1'] }, { serverName: 'api.example.com' }],
    [{ servername: '' }, { serverName: undefined }],
    [{ servername: 'a.example', maxVersion: 'TLSv1.2' }, { serverName: 'a.example' }],
  ])("reads Node's own, on every cut and in any records", async (options, expected) => {
    const bytes = await realHello(options);
    const whole = { kind: 'hello', ech: false, ...expected };
    expect(readClientHello(bytes)).toEqual(whole);
    expect(readClientHello(Buffer.concat([bytes, Buffer.from('more')]))).toEqual(whole);
    for (let at = 0; at < bytes.length; at += 1) {
      expect(readClientHello(bytes.subarray(0, at))).toEqual({ kind: 'need-more' });
    }
    const message = bytes.subarray(5);
    // At most as many records as are taken: Node 24's greeting has a post-quantum key share of over a thousand bytes.
    for (const size of [Math.ceil(message.length / 60), 100, message.length - 1]) {
      const records: Buffer[] = [];
      for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)));
      const split = Buffer.concat(records);
      expect(readClientHello(split)).toEqual(whole);
      expect(readClientHello(split.subarray(0, -1))).toEqual({ kind: 'need-more' });
    }
    expect(readClientHello(Buffer.concat([record(message.subarray(0, 1)), record(message.subarray(1))]))).toEqual(
      whole,
    );
  });

  it('tells of an encrypted hello', () => {
    const bytes = record(hello(sni('public.example'), ECH));
    expect(readClientHello(bytes)).toEqual({ kind: 'hello', serverName: 'public.example', ech: true });
  });

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['one byte of something else', Buffer.from('G')],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['a server hello', record(Buffer.from([2, 0, 0, 0]))],
    ['an empty record', record(Buffer.alloc(0))],
    ['a record over 16 KB', Buffer.from([22, 3, 1, 0x40, 1])],
    ['a hello over the limit', record(Buffer.from([1, 0xff, 0, 0]))],
    ['an empty hello', record(Buffer.from([1, 0, 0, 0]))],
    ['two names', record(hello(sni('a.example'), sni('b.example')))],
    ['two names in one list', record(hello(extension(0, vector(2, NAME, NAME))))],
    ['bytes behind the list of names', record(hello(extension(0, vector(2, NAME), Buffer.from([0]))))],
    ['bytes behind the list of protocols', record(hello(extension(16, vector(2, H2), Buffer.from([0]))))],
    ['no protocols', record(hello(extension(16, vector(2))))],
    ['bytes behind the extensions', record(longer(hello(sni('a.example'))))],
    ['another message', record(Buffer.concat([Buffer.from([2]), hello(sni('a.example')).subarray(1)]))],
    ['SSL 2 in a record', Buffer.from([22, 2])],
    ['a version that is none', Buffer.from([22, 3, 5])],
    ['a name of another type', record(hello(sni('a.example', 1)))],
    ['a name with NUL', record(hello(sni('a.example\0.b')))],
    ['a name over 0x7f', record(hello(sni('\xe9.example')))],
    ['an empty name', record(hello(sni('')))],
    ['an extension that runs over', record(hello(Buffer.from([0, 0, 0, 9, 1])))],
    ['an empty protocol', record(hello(extension(16, vector(2, vector(1)))))],
    [
      '65 records',
      Buffer.concat(Array.from(hello(extension(1, Buffer.alloc(99))), (byte) => record(Buffer.from([byte])))),
    ],
  ])('refuses %s', (_what, bytes) => {
    expect(readClientHello(bytes)).toEqual({ kind: 'not-tls' });
  });

  it.each([0, 1, 4])('waits where a record may be of version 3.%i', (minor) => {
    for (const bytes of [[22], [22, 3], [22, 3, minor], [22, 3, minor, 0x40, 0]]) {
      expect(readClientHello(Buffer.from(bytes))).toEqual({ kind: 'need-more' });
    }
  });

  it('never throws', () => {
    const bytes = record(hello(sni('a.example'), extension(16, vector(2, vector(1, Buffer.from('h2'))))));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, end) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        expect(['hello', 'not-tls', 'need-more']).toContain(readClientHello(changed.subarray(0, end)).kind);
      }),
      { numRuns: 2_000 },
    );
  });
});
