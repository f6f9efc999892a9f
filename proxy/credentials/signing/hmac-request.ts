import { createHash, createHmac } from 'node:crypto';
import { FIELD_TEXT } from '../../../common/credential-grammar.ts';
import { Secret } from '../../../common/secret.ts';
import { fieldName, type HeaderList } from '../../protocols/header-list.ts';
import { mentions, parseTemplate, type Template } from '../../../common/hmac-template.ts';
import { InjectionError, unsignable } from '../injection-error.ts';

export interface HmacSpec {
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly encoding: 'hex' | 'base64' | 'base64url';
  readonly timestamp: 'seconds' | 'milliseconds' | 'iso8601';
  /** Template of what is signed. */
  readonly signed: string;
  /** Headers to set, values by template; at least one mentions the signature. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** A spec and a key, made ready once for all calls under a grant. */
export interface HmacSigning {
  readonly spec: HmacSpec;
  readonly key: Secret;
  readonly signed: Template;
  readonly headers: readonly { readonly name: string; readonly value: Template }[];
  /** `signHmacRequest` wants the whole body. */
  readonly needsWholeBody: boolean;
}

export interface HmacRequest {
  readonly method: string;
  readonly authority: string;
  /** Path and query as they are forwarded; the query without "?". */
  readonly path: string;
  readonly query: string | undefined;
  readonly headers: HeaderList;
}

/** What differs from call to call beside the request. */
export interface HmacMoment {
  readonly nowMs: number;
  /** Visible ASCII, unique a call. */
  readonly nonce: string;
  /** Empty unless the whole body was wanted. */
  readonly body: Buffer;
}

const DIGEST_BYTES = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** Characters of a signature, without padding. */
export function hmacBytes({ algorithm, encoding }: HmacSpec): number {
  const bits = 8 * DIGEST_BYTES[algorithm];
  return Math.ceil(bits / (encoding === 'hex' ? 4 : 6));
}

/** @throws InjectionError `credential-invalid` */
export function prepareHmac(spec: HmacSpec, key: Secret): HmacSigning {
  if (key.length === 0) throw new InjectionError('credential-invalid', 'the HMAC key is empty');
  const signed = templateOf(spec.signed);
  const headers = spec.headers.map(({ name, value }) => ({ name, value: templateOf(value) }));
  if (mentions(signed, 'signature') || !headers.some(({ value }) => mentions(value, 'signature'))) {
    throw new InjectionError('credential-invalid', 'the HMAC signature is not in a header, or signs itself');
  }
  const templates = [signed, ...headers.map(({ value }) => value)];
  const needsWholeBody = templates.some((template) => mentions(template, 'body', 'bodySha256'));
  return { spec, key, signed, headers, needsWholeBody };
}

/**
 * Sets the headers of the signature, over what the agent sent there.
 *
 * @returns the signature without padding, which not everyone sends back.
 * @throws InjectionError when a header that is signed is missing, or a value cannot stand in a header.
 */
export function signHmacRequest(signing: HmacSigning, request: HmacRequest, moment: HmacMoment): Secret {
  const { spec, key, signed } = signing;
  const timestamp = timestampOf(spec.timestamp, moment.nowMs);
  const text = fill(signed, request, moment, timestamp, '');
  const hmac = createHmac(spec.algorithm, key.revealBytes());
  for (const piece of text) hmac.update(piece);
  const signature = hmac.digest(spec.encoding);
  const values = signing.headers.map(({ value }) => {
    const filled = Buffer.concat(fill(value, request, moment, timestamp, signature)).toString('latin1');
    if (!FIELD_TEXT.test(filled)) throw unsignable('a value cannot stand in a header');
    return filled;
  });
  for (const [at, { name }] of signing.headers.entries()) request.headers.set(name, values[at] ?? '');
  return new Secret(signature.replace(/=+$/, ''));
}

function fill(
  template: Template,
  request: HmacRequest,
  moment: HmacMoment,
  timestamp: string,
  signature: string,
): Buffer[] {
  return template.map((part) => {
    if (part.kind === 'text') return Buffer.from(part.text);
    if (part.kind === 'header') return headerValue(request.headers, part.name);
    switch (part.name) {
      case 'method':
        return Buffer.from(request.method, 'latin1');
      case 'path':
        return Buffer.from(request.path, 'latin1');
      case 'query':
        return Buffer.from(request.query ?? '', 'latin1');
      case 'target':
        return Buffer.from(request.query === undefined ? request.path : `${request.path}?${request.query}`, 'latin1');
      case 'host':
        return Buffer.from(request.authority, 'latin1');
      case 'timestamp':
        return Buffer.from(timestamp);
      case 'nonce':
        return Buffer.from(moment.nonce);
      case 'bodySha256':
        return Buffer.from(createHash('sha256').update(moment.body).digest('hex'));
      case 'body':
        return moment.body;
      case 'signature':
        return Buffer.from(signature);
    }
  });
}

function headerValue(headers: HeaderList, name: string): Buffer {
  const values = headers.getAll(fieldName(name));
  if (values.length === 0) throw unsignable(`it has no header ${name}`);
  return Buffer.from(values.join(', '), 'latin1');
}

function timestampOf(format: HmacSpec['timestamp'], nowMs: number): string {
  if (format === 'iso8601') return new Date(nowMs).toISOString();
  return String(format === 'seconds' ? Math.floor(nowMs / 1000) : nowMs);
}

function templateOf(text: string): Template {
  const template = parseTemplate(text);
  if (typeof template === 'string')
    throw new InjectionError('credential-invalid', `an HMAC template is wrong: ${template}`);
  return template;
}
