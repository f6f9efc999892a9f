import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { type ClientHelloReading, readClientHello } from '../../proxy/protocols/tls-client-hello.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Who reads another name in a ClientHello than the TLS stack behind it sends the agent somewhere else than policy thinks
 * . So: whatever OpenSSL answers as a hello, we read with the same name, or refuse. We may refuse more.
 */

const { key, cert } = makeTlsIdentity(['localhost']);
const CONTEXT = tls.createSecureContext({ key, cert });
const HANDSHAKE = 22;

/** One end of nothing: what is written to it is kept. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];
  heard: () => void = () => {};

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(bytes);
    this.heard();
    done();
  }
}

async function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  const wire = new Wire();
  const heard = new Promise<void>((resolve) => (wire.heard = resolve));
  const client = tls.connect({ ...options, socket: wire });
  client.on('error', () => {});
  await heard;
  client.destroy();
  return Buffer.concat(wire.written);
}

/** The name that OpenSSL reads; undefined when it does not answer these bytes as a hello. */
async function readWithOpenSsl(bytes: Buffer): Promise<{ readonly name: string | undefined } | undefined> {
  const wire = new Wire();
  let name: string | undefined;
  const answered = new Promise<void>((resolve) => (wire.heard = resolve));
  const server = new tls.TLSSocket(wire, {
    isServer: true,
    secureContext: CONTEXT,
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback: (found, done) => {
      name = found;
      done(null, CONTEXT);
    },
  });
  const failed = new Promise<void>((resolve) => server.once('error', () => resolve()));
  wire.push(bytes);
  // Without an answer it waits for more.
  await Promise.race([answered, failed, new Promise((resolve) => setTimeout(resolve, 50))]);
  const accepted = wire.written[0]?.[0] === HANDSHAKE;
  server.destroy();
  return accepted ? { name } : undefined;
}

const MINORS = [1, 1, 1, 0, 3, 4] as const;

/** In few records or in many; now and then one is empty, or of another kind. */
function inRecords(random: Random, message: Buffer): Buffer {
  const records: Buffer[] = [];
  const most = random.pick([3, 30, 400]);
  for (let at = 0; at < message.length; ) {
    const isOdd = random.below(60) === 0;
    const part = isOdd ? Buffer.alloc(random.below(2)) : message.subarray(at, at + 1 + random.below(most));
    const head = Buffer.from([isOdd ? random.pick([20, 21, HANDSHAKE, 23]) : HANDSHAKE, 3, random.pick(MINORS), 0, 0]);
    head.writeUInt16BE(part.length, 3);
    records.push(head, part);
    if (!isOdd) at += part.length;
  }
  return Buffer.concat(records);
}

/** Puts an extension among the others and mends the three lengths before it, so that it gets to be read. */
function withExtension(random: Random, hello: Buffer, extension: Buffer): Buffer {
  let at = 43;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const places = [at + 2];
  for (let place = at + 2; place < hello.length; places.push(place)) place += 4 + hello.readUInt16BE(place + 2);
  const place = random.pick(places);
  const longer = Buffer.concat([hello.subarray(0, place), extension, hello.subarray(place)]);
  for (const length of [3, 7, at]) longer.writeUInt16BE(hello.readUInt16BE(length) + extension.length, length);
  return longer;
}

/** The first of its extensions comes last, and so on: the order must not matter. */
function turned(random: Random, hello: Buffer): Buffer {
  let at = 43;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 3 + hello.readUInt8(at);
  const extensions: Buffer[] = [];
  for (let place = at; place < hello.length; place += 4 + hello.readUInt16BE(place + 2)) {
    extensions.push(hello.subarray(place, place + 4 + hello.readUInt16BE(place + 2)));
  }
  const first = random.below(extensions.length);
  return Buffer.concat([hello.subarray(0, at), ...extensions.slice(first), ...extensions.slice(0, first)]);
}

const SPARE = [
  // Server names: another one, an empty list, two of them, one of an unknown type, one with NUL; then ALPN, ECH, padding.
  '00000009000700000462616431',
  '000000020000',
  '0000000e000c0000046261643100000262',
  '000000080006010003626164',
  '0000000a000800000562006164ff',
  '0010000500030268 32'.replace(' ', ''),
  'fe0d000100',
  '00150004ffffffff',
].map((hex) => Buffer.from(hex, 'hex'));

function damaged(random: Random, hellos: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(hellos));
  if (random.below(3) === 0) bytes = turned(random, bytes);
  if (random.below(3) === 0) bytes = withExtension(random, bytes, random.pick(SPARE));
  for (let edits = random.below(2) * random.below(3); edits > 0; edits -= 1) {
    const at = random.below(bytes.length);
    if (random.below(2) === 0) bytes[at] = random.below(256);
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  if (random.below(2) === 0) bytes = inRecords(random, bytes.subarray(5));
  if (random.below(6) === 0) bytes = bytes.subarray(0, random.below(bytes.length));
  if (random.below(6) === 0) bytes = Buffer.concat([bytes, Buffer.alloc(random.below(40), random.below(256))]);
  return bytes;
}

/** Reads what has arrived so far, again and again, as a connection does. */
function readInPieces(random: Random, bytes: Buffer): ClientHelloReading {
  let at = 0;
  for (;;) {
    at = Math.min(bytes.length, at + 1 + random.below(300));
    const reading = readClientHello(bytes.subarray(0, at));
    if (reading.kind !== 'need-more' || at === bytes.length) return reading;
  }
}

test('a ClientHello has the name that OpenSSL reads in it, however it is damaged and cut', {
  timeout: (FUZZ_SECONDS + 60) * 1000,
}, async () => {
  const hellos = [
    await helloOf({ servername: 'api.example.com', ALPNProtocols: ['h2', 'http/1.1'] }),
    await helloOf({ servername: 'API.example.com', maxVersion: 'TLSv1.2' }),
    await helloOf({ host: '127.0.0.1', servername: '' }),
  ];
  const end = performance.now() + FUZZ_SECONDS * 1000;
  let accepted = 0;
  let read = 0;
  let seed = FUZZ_SEED;
  const one = async (): Promise<void> => {
    const turn = seed;
    seed += 1;
    const random = seededRandom(turn);
    const bytes = damaged(random, hellos);
    const whole = readClientHello(bytes);
    // What is refused early would have been refused later, and what is read does not depend on the cuts.
    expect(readInPieces(random, bytes), `seed ${turn}`).toEqual(whole);
    const oracle = await readWithOpenSsl(bytes);
    if (oracle === undefined) return;
    accepted += 1;
    expect(whole.kind, `seed ${turn}`).not.toBe('need-more');
    if (whole.kind !== 'hello') return;
    read += 1;
    expect(whole.serverName, `seed ${turn}`).toBe(oracle.name?.toLowerCase());
  };
  // Many at once, since OpenSSL does not say that it waits for more.
  const worker = async (): Promise<void> => {
    while (performance.now() < end) await one();
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  console.log(
    `${seed - FUZZ_SEED} hellos, ${accepted} of them answered by OpenSSL, ${read} of these read, first seed ${FUZZ_SEED}`,
  );
  expect(accepted).toBeGreaterThan(0);
});
