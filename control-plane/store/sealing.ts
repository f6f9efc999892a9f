import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { SidekeyError } from '../../common/errors.ts';
import { Secret } from '../../common/secret.ts';

/** A key that seals other keys, and its name. */
export interface SealingKey {
  /** First 16 hexadecimal digits of SHA-256 of the key: names it without telling it. */
  readonly id: string;
  readonly key: Secret;
}

/** The first seals; all of them open. */
export interface SealingKeys {
  readonly current: SealingKey;
  readonly older: readonly SealingKey[];
}

export class SealingError extends SidekeyError {}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ID_BYTES = 8;
const VERSION = 1;
const HEADER_BYTES = 1 + ID_BYTES;
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const SMALLEST = HEADER_BYTES + WRAPPED_BYTES + NONCE_BYTES + TAG_BYTES;

export function sealingKey(bytes: Uint8Array): SealingKey {
  if (bytes.length !== KEY_BYTES) throw new SealingError('sealing-key-invalid', `a sealing key has ${KEY_BYTES} bytes`);
  return {
    id: createHash('sha256')
      .update(bytes)
      .digest('hex')
      .slice(0, ID_BYTES * 2),
    key: new Secret(bytes),
  };
}

/**
 * Seals values at rest as envelopes: AES-256-GCM (NIST SP 800-38D) under a fresh data key, which is itself sealed under
 * the current sealing key. The context (tenant and name) is authenticated, so that a sealed value moved to another row
 * does not open.
 *
 * Layout: version (1) · sealing key id (8) · nonce (12), wrapped data key (32), tag (16) · nonce (12), value, tag (16).
 */
export class Sealer {
  #keys: ReadonlyMap<string, SealingKey>;
  #current: SealingKey;

  constructor(keys: SealingKeys) {
    this.#current = keys.current;
    this.#keys = byId(keys);
  }

  /** Works with these keys from now on. */
  adopt(keys: SealingKeys): void {
    this.#current = keys.current;
    this.#keys = byId(keys);
  }

  /** Id of the key that seals now. */
  get keyId(): string {
    return this.#current.id;
  }

  seal(value: Secret, context: string): Buffer {
    const dataKey = randomBytes(KEY_BYTES);
    const header = Buffer.concat([Buffer.from([VERSION]), Buffer.from(this.#current.id, 'hex')]);
    const aad = authenticated(header, context);
    const wrapped = encrypt(wrappingKey(this.#current), dataKey, aad);
    const sealed = encrypt(dataKey, value.revealBytes(), aad);
    dataKey.fill(0);
    return Buffer.concat([header, wrapped, sealed]);
  }

  /** Throws SealingError when the key is unknown, or the bytes or the context are not those that were sealed. */
  open(sealed: Uint8Array, context: string): Secret {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (bytes.length < SMALLEST || bytes[0] !== VERSION)
      throw new SealingError('sealed-malformed', 'not a sealed value');
    const header = bytes.subarray(0, HEADER_BYTES);
    const id = header.subarray(1).toString('hex');
    const key = this.#keyOf(id);
    const aad = authenticated(header, context);
    const dataKey = decrypt(wrappingKey(key), bytes.subarray(HEADER_BYTES, HEADER_BYTES + WRAPPED_BYTES), aad);
    const value = decrypt(dataKey, bytes.subarray(HEADER_BYTES + WRAPPED_BYTES), aad);
    dataKey.fill(0);
    return new Secret(value);
  }

  /** Throws SealingError for a key that this process does not have. */
  assertHas(id: string): void {
    this.#keyOf(id);
  }

  #keyOf(id: string): SealingKey {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new SealingError(
      'sealing-key-unknown',
      `what is stored was sealed with key ${id}, which this process does not have: give every replica the same keys, older ones included, by --sealing-key-file or SIDEKEY_SEALING_KEYS`,
    );
  }

  /** Seals again under the current key; undefined when it is already. */
  reseal(sealed: Uint8Array, context: string): Buffer | undefined {
    const id = Buffer.from(sealed.subarray(1, HEADER_BYTES)).toString('hex');
    return id === this.#current.id ? undefined : this.seal(this.open(sealed, context), context);
  }
}

function byId(keys: SealingKeys): ReadonlyMap<string, SealingKey> {
  return new Map([...keys.older, keys.current].map((key) => [key.id, key]));
}

/** The sealing key itself is used for nothing but to derive. */
function wrappingKey(key: SealingKey): Buffer {
  return Buffer.from(hkdfSync('sha256', key.key.revealBytes(), Buffer.alloc(0), 'sidekey sealing v1', KEY_BYTES));
}

function authenticated(header: Buffer, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new SealingError('sealed-forged', 'the sealed value was changed, or belongs elsewhere');
  }
}
