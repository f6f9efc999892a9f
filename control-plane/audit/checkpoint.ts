import { hash } from 'node:crypto';
import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose';
import { z } from 'zod';
import { SidekeyError } from '../../common/errors.ts';
import type { SigningKeys } from '../credentials/signing-keys.ts';

/** A checkpoint cannot be trusted, or does not say what the log says. */
export class CheckpointError extends SidekeyError {
  constructor(message: string, options?: ErrorOptions) {
    super('checkpoint-broken', message, options);
  }
}

const sealedHead = z.strictObject({
  instance: z.string().max(256),
  sequence: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

const checkpoint = z.strictObject({
  tenant: z.string().max(63),
  /** From 1, without gaps. */
  number: z.int().min(1),
  /** SHA-256 of the statement before, in hex; of nothing for the first. */
  previous: z.string().regex(/^[0-9a-f]{64}$/),
  /** ISO 8601. */
  at: z.string().max(40),
  /** Where the chains stand that have grown since the statement before. */
  heads: z.array(sealedHead).min(1).max(1_000),
});

export type Checkpoint = z.output<typeof checkpoint>;
export type SealedHead = z.output<typeof sealedHead>;

const TYPE = 'sidekey-checkpoint+jws';

/** A compact JWS (RFC 7515) over the checkpoint, ES256. Kept and exported as it is. */
export function signCheckpoint(content: Checkpoint, keys: SigningKeys): Promise<string> {
  const { id, privateKey } = keys.current();
  return new CompactSign(Buffer.from(JSON.stringify(content)))
    .setProtectedHeader({ alg: 'ES256', typ: TYPE, kid: id })
    .sign(privateKey);
}

/** What a statement says, once its signature holds. Throws CheckpointError. */
export async function readCheckpoint(statement: string, keys: SigningKeys): Promise<Checkpoint> {
  try {
    const { kid } = decodeProtectedHeader(statement);
    const key = kid === undefined ? undefined : keys.find(kid);
    if (key === undefined) {
      const whose = 'it is of another control plane, or its keys are lost with the database that had them';
      throw new CheckpointError(`the checkpoint is signed with a key that is not ours: ${whose}`);
    }
    const { payload, protectedHeader } = await compactVerify(statement, key.publicKey, { algorithms: ['ES256'] });
    if (protectedHeader.typ !== TYPE) throw new CheckpointError('this is no checkpoint');
    return checkpoint.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError('the checkpoint does not verify', { cause });
  }
}

/** What the next statement names as the one before. */
export function digestOfStatement(statement: string | undefined): string {
  return hash('sha256', statement ?? '', 'hex');
}
