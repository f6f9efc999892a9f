import { MIN_SECRET_BYTES } from '../scrubbing/renderings.ts';
import { Secret } from '../../../common/secret.ts';
import { formatAuthority } from '../../../common/net/host.ts';
import type { Destination } from '../../../proto/gen/sidekey/v1/route.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { BodyTransform } from '../body-transform.ts';
import { invalid } from '../injection-error.ts';
import type { DpopNonces } from '../signing/dpop-nonces.ts';

/** What the agent claimed of itself, before it was removed; only signatures look at it, never for its secret. */
export interface AgentClaims {
  /** Every Authorization field. */
  readonly authorization: readonly string[];
  /** Raw, without "?". */
  readonly query: string | undefined;
}

export const NO_CLAIMS: AgentClaims = Object.freeze({ authorization: [], query: undefined });

/** The call into which credentials go, as it was decided. */
export interface InjectableRequest {
  readonly destination: Destination;
  readonly claims: AgentClaims;
  readonly method: string;
  /** Canonical path, without query. */
  readonly path: string;
  readonly headers: HeaderList;
  /** Raw, without "?". */
  readonly query: string | undefined;
  /** The route allows a credential over plain HTTP (its TLS mode is plaintext). Otherwise only https is served. */
  readonly cleartextAllowed: boolean;
  readonly hasBody: boolean;
}

/** Presented in the TLS handshake; `id` tells one certificate and key from any other. */
export interface ClientCertificate {
  readonly id: string;
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
}

/** An answer that the proxy gives itself, without calling the upstream. */
export interface LocalReply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What a signature needs beside the request. */
export interface SigningMoment {
  readonly nowMs: number;
  /** The whole body as it is sent, where a signature needed it. */
  readonly body: Buffer | undefined;
  /** A fresh one each time: 128 bits, visible ASCII. */
  nonce(): string;
  readonly dpopNonces: DpopNonces;
}

/** What came of signing. */
export interface Signed {
  /** Who has it can send the request again while it holds: it must not come back to the agent. */
  readonly value: Secret;
  /** Through which the body must go, which keeps its length. */
  readonly transform: BodyTransform | undefined;
}

/** A signature over the request as it leaves, made when all else is in its place. */
export interface RequestSignature {
  readonly needsWholeBody: boolean;
  /** How many bytes the `value` of each signature has, at least. */
  readonly valueBytes: number;
  /**
   * Sets the headers of the signature.
   *
   * @throws InjectionError
   */
  sign(moment: SigningMoment): Signed;
  /** Notes what the answer teaches. True: the upstream would take the same request, signed anew. */
  learn?(status: number, answer: HeaderList, moment: Pick<SigningMoment, 'dpopNonces'>): boolean;
}

/** What came of injecting; `request.headers` were changed in place. */
export interface Injected {
  /** To send; the record keeps the agent's. */
  path: string;
  query: string | undefined;
  /** What must not come back to the agent. The same array for alike calls under one grant, so that it can key a cache. */
  secrets: readonly Secret[];
  /** Through which the body's bytes go, if the request has a body. */
  body: BodyTransform | undefined;
  /** Length of the body once changed, from that which the agent declared; undefined when it is not known ahead. */
  contentLength: ((declared: number) => number | undefined) | undefined;
  clientCertificate: ClientCertificate | undefined;
  /** Of the answer, in lower case. */
  readonly droppedFields: ReadonlySet<string>;
  reply: LocalReply | undefined;
  /** To be made in this order, last of all. */
  readonly signatures: RequestSignature[];
}

/** What a scheme works on. */
export interface Draft extends Injected {
  readonly request: InjectableRequest;
  /** Appends a transform to those that the body goes through. */
  transformBody(transform: BodyTransform): void;
  /** The credential goes out within base64, which may come back encoded once more. */
  sentInBase64(): void;
}

/** A credential made ready once for all calls under its grant. */
export interface PreparedInjection {
  readonly secrets: readonly Secret[];
  /** False: nothing of a credential goes into the request, so cleartext does not matter. */
  readonly isSecret: boolean;
  /** Placeholders that `apply` puts the credential in place of, so that they may be in the request. */
  readonly takesPlaceholder: boolean;
  /** It goes in last, over what the others did. */
  readonly signs?: true;
  /** The header that holds nothing but the credential. */
  readonly header?: string;
  /** @throws InjectionError `injection-refused` or `placeholder-refused` when the request has no place for it */
  apply(draft: Draft): void;
}

/** A credential that goes into the request itself, over whatever stands there. */
export function preparedSecret(
  secrets: readonly Uint8Array[],
  apply: (draft: Draft) => void,
  takesPlaceholder = false,
): PreparedInjection {
  return { secrets: secrets.map((bytes) => new Secret(bytes)), isSecret: true, takesPlaceholder, apply };
}

/** The Host field that is sent. */
export function authorityOf({ scheme, host, port }: Destination): string {
  return formatAuthority(host, port, scheme === 'https' ? 443 : 80);
}

/** The credential as text of this grammar. @throws InjectionError */
export function checkedText(bytes: Uint8Array, grammar: RegExp): string {
  checkLength(bytes);
  const text = Buffer.from(bytes).toString('latin1');
  if (!grammar.test(text)) throw invalid('it has bytes that its place does not allow');
  return text;
}

export function checkLength(bytes: Uint8Array): void {
  // Shorter values occur in answers by chance and could not be kept from the agent.
  if (bytes.length < MIN_SECRET_BYTES) throw invalid(`it is shorter than ${MIN_SECRET_BYTES} bytes`);
}

/** Every byte outside RFC 3986's unreserved set, whatever its charset. */
export function percentEncode(bytes: Uint8Array): string {
  return encodeOutside(bytes, /[^A-Za-z0-9\-._~]/g);
}

/** As a segment of a path: RFC 3986 section 3.3, `pchar`, stays as it is. */
export function encodeSegment(bytes: Uint8Array): string {
  return encodeOutside(bytes, /[^A-Za-z0-9\-._~!$&'()*+,;=:@]/g);
}

function encodeOutside(bytes: Uint8Array, outside: RegExp): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(outside, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
