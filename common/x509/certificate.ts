import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { bitString, context, sequence, set, time, unsignedInteger, utf8String } from './der.ts';
import { DerReader, readSequence } from './der-reader.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  type NameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import { OID } from './oids.ts';

/** What a certificate says. Times are milliseconds since the Unix epoch. Names and addresses are canonical hosts. */
export interface CertificateRequest {
  /** Common name. */
  readonly subject: string;
  /** Common name of the issuer, or its encoded Name as `readCertificate` gives it. */
  readonly issuer: string | Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly subjectPublicKeySpki: Uint8Array;
  /** The issuer's private key, P-256. */
  readonly signerKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  /** Makes the certificate name-constrained; what is not permitted is then refused. */
  readonly permitted?: NameConstraints;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** The issuer's subject key identifier; left out for a self-signed root. */
  readonly authorityKeyId?: Uint8Array;
  /** Default `serverAuth` except for a self-signed root. */
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
}

export interface CertificateFields {
  readonly notAfter: number;
  /** The encoded Name. */
  readonly subject: Buffer;
  readonly publicKeySpki: Buffer;
  readonly subjectKeyId: Buffer | undefined;
}

const ECDSA_SHA256 = sequence(OID.ecdsaWithSha256);
const VERSION_3 = context(0, true, unsignedInteger(Uint8Array.of(2)));

/** Builds and signs a version 3 certificate (RFC 5280) with ECDSA P-256 and SHA-256; answers DER. */
export function buildCertificate(request: CertificateRequest): Buffer {
  const body = sequence(
    VERSION_3,
    unsignedInteger(randomSerial()),
    ECDSA_SHA256,
    typeof request.issuer === 'string' ? commonName(request.issuer) : request.issuer,
    sequence(time(request.notBefore), time(request.notAfter)),
    commonName(request.subject),
    request.subjectPublicKeySpki,
    context(3, true, sequence(...extensionsOf(request))),
  );
  return sequence(body, ECDSA_SHA256, bitString(sign('sha256', body, { key: request.signerKey, dsaEncoding: 'der' })));
}

/** The key identifier of a public key: SHA-1 of its bit string (RFC 5280 section 4.2.1.2, method 1). */
export function keyIdentifier(spki: Uint8Array): Buffer {
  const reader = readSequence(spki);
  reader.expect(0x30);
  return createHash('sha1').update(reader.expect(0x03).value.subarray(1)).digest();
}

/** PEM (RFC 7468) of a certificate. */
export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** The fields that issuing under a certificate needs. Throws DerError. */
export function readCertificate(der: Uint8Array): CertificateFields {
  const body = new DerReader(readSequence(der).expect(0x30).value);
  body.expect(0xa0);
  body.expect(0x02);
  body.expect(0x30);
  body.expect(0x30);
  const validity = new DerReader(body.expect(0x30).value);
  validity.next();
  const notAfter = readTime(validity);
  const subject = body.expect(0x30).whole;
  const publicKeySpki = body.expect(0x30).whole;
  const extensions = body.optional(0xa3);
  const subjectKeyId = extensions && findExtension(extensions.value, OID.subjectKeyIdentifier);
  return {
    notAfter,
    subject,
    publicKeySpki,
    subjectKeyId: subjectKeyId && new DerReader(subjectKeyId).expect(0x04).value,
  };
}

function extensionsOf(request: CertificateRequest): Buffer[] {
  const isCa = request.isCa ?? false;
  const { permitted, dnsNames = [], ipAddresses = [] } = request;
  const isRoot = request.authorityKeyId === undefined;
  const usages = request.usages ?? (isRoot ? [] : (['serverAuth'] as const));
  const keyId = keyIdentifier(request.subjectPublicKeySpki);
  const extensions = [basicConstraints(isCa, request.pathLength), keyUsage(isCa)];
  if (usages.length > 0) extensions.push(extendedKeyUsage(usages));
  extensions.push(subjectKeyIdentifier(keyId), authorityKeyIdentifier(request.authorityKeyId ?? keyId));
  if (dnsNames.length + ipAddresses.length > 0) extensions.push(subjectAltName(dnsNames, ipAddresses));
  if (permitted !== undefined) extensions.push(nameConstraints(permitted));
  return extensions;
}

function commonName(text: string): Buffer {
  // ub-common-name is 64 (RFC 5280 appendix A.1).
  return sequence(set(sequence(OID.commonName, utf8String([...text].slice(0, 64).join('')))));
}

function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function readTime(reader: DerReader): number {
  const { tag, value } = reader.next();
  const digits = value.toString('latin1');
  const century = Number(digits.slice(0, 2)) < 50 ? '20' : '19';
  const text = tag === 0x17 ? century + digits : digits;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return Number.NaN;
  const [year = 0, month = 0, day, hour, minute, second] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function findExtension(wrapped: Buffer, id: Buffer): Buffer | undefined {
  const list = readSequence(wrapped);
  while (!list.done) {
    const entry = new DerReader(list.expect(0x30).value);
    if (!entry.expect(0x06).whole.equals(id)) continue;
    entry.optional(0x01);
    return entry.expect(0x04).value;
  }
  return undefined;
}
