import type { HeaderList } from '../../protocols/header-list.ts';
import type { AwsAlgorithm } from './aws-signer.ts';
import { unsignable } from '../injection-error.ts';

/** How the body takes part in the signature: the modes of `x-amz-content-sha256`. */
export type PayloadMode =
  /** The agent gives the body's hash, which the server checks. */
  { readonly kind: 'given'; readonly value: string } | { readonly kind: 'absent' } | AwsChunkedMode;

/** The body is in aws-chunked framing. */
export interface AwsChunkedMode {
  readonly kind: 'chunked';
  /** With this algorithm each chunk is signed; undefined: none is. */
  readonly chunkSignatures: AwsAlgorithm | undefined;
  /** Value of the header. */
  readonly value: string;
  /** Bytes of the decoded body. */
  readonly decodedLength: number;
  /** Names of the trailing fields, lower case; empty when the mode has none. */
  readonly trailers: readonly string[];
}

const STREAMING: Readonly<Record<string, { readonly signed?: AwsAlgorithm; readonly trailer: boolean }>> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: 'AWS4-HMAC-SHA256', trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: 'AWS4-HMAC-SHA256', trailer: true },
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD': { signed: 'AWS4-ECDSA-P256-SHA256', trailer: false },
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER': { signed: 'AWS4-ECDSA-P256-SHA256', trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { trailer: true },
};

const MAX_TRAILER_NAMES = 16;

/** @throws InjectionError when the header says nothing that is known, or what belongs to its mode is missing. */
export function readPayloadMode(headers: HeaderList): PayloadMode {
  const values = headers.getAll('x-amz-content-sha256');
  const [value] = values;
  if (value === undefined) return { kind: 'absent' };
  if (values.length > 1) throw unsignable('x-amz-content-sha256 is given twice');
  if (value === 'UNSIGNED-PAYLOAD' || /^[0-9a-f]{64}$/.test(value)) return { kind: 'given', value };
  const streaming = Object.hasOwn(STREAMING, value) ? STREAMING[value] : undefined;
  if (streaming === undefined) throw unsignable('x-amz-content-sha256 is neither a hash nor a known mode');
  const trailers = trailerNames(headers);
  if (streaming.trailer !== trailers.length > 0) throw unsignable('x-amz-trailer does not fit x-amz-content-sha256');
  return {
    kind: 'chunked',
    chunkSignatures: streaming.signed,
    value,
    decodedLength: decodedLength(headers.getAll('x-amz-decoded-content-length')),
    trailers,
  };
}

function decodedLength(values: readonly string[]): number {
  const [value = ''] = values;
  if (values.length !== 1 || !/^\d{1,15}$/.test(value))
    throw unsignable('x-amz-decoded-content-length is not one number');
  return Number(value);
}

function trailerNames(headers: HeaderList): readonly string[] {
  const values = headers.getAll('x-amz-trailer');
  if (values.length === 0) return [];
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
  const allowed = names.every((name) => /^x-amz-[a-z0-9-]{1,64}$/.test(name) && name !== 'x-amz-trailer-signature');
  if (!allowed || names.length > MAX_TRAILER_NAMES || new Set(names).size !== names.length) {
    throw unsignable('x-amz-trailer is malformed');
  }
  return names;
}
