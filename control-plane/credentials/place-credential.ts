import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../common/secret.ts';
import {
  COOKIE_TEXT,
  FIELD_TEXT,
  isDotSegment,
  isPlainText,
  pemBlocks,
  VISIBLE_TEXT,
} from '../../common/credential-grammar.ts';
import type { ClientCertificateInjection, Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { PLACEHOLDER_LOCATIONS } from '../policy/placeholders.ts';
import { CREDENTIAL_MARK } from '../resources/injection.ts';
import type { CredentialInjection } from '../resources/kinds.ts';
import { CredentialError } from './credential-minter.ts';
import { placeSigning } from './place-signing.ts';

/** Injections for which a credential is made. */
export type PlacedInjection = Exclude<CredentialInjection, { readonly type: 'oauth-token' }>;

export interface Placed {
  readonly kind: NonNullable<Injection['kind']>;
  /** Milliseconds since the epoch at which the credential itself ends, as far as its own form tells. */
  readonly notAfter?: number;
}

/**
 * The credential in its place, as it goes over the wire. What its place cannot hold is refused here, when it is made
 * the proxy checks it again.
 *
 * @throws CredentialError `credential-invalid`
 */
export function placeCredential(inject: PlacedInjection, secret: Secret, placeholders: readonly string[]): Placed {
  const value = secret.revealBytes();
  switch (inject.type) {
    case 'bearer':
      return { kind: { $case: 'bearer', value: { token: fitting(value, isText(VISIBLE_TEXT)) } } };
    case 'basic': {
      const password = fitting(value, hasNoControls);
      return { kind: { $case: 'basic', value: { username: inject.username, password } } };
    }
    case 'header': {
      const [prefix = '', suffix = ''] = inject.template.split(CREDENTIAL_MARK);
      const header = { name: inject.name, prefix, suffix, value: fitting(value, isText(FIELD_TEXT)) };
      return { kind: { $case: 'header', value: header } };
    }
    case 'query':
      return { kind: { $case: 'query', value: { name: inject.name, value: fitting(value, hasNoControls) } } };
    case 'cookie':
      return { kind: { $case: 'cookie', value: { name: inject.name, value: fitting(value, isText(COOKIE_TEXT)) } } };
    case 'path-segment': {
      const { index, prefix, suffix } = inject;
      return { kind: { $case: 'pathSegment', value: { index, prefix, suffix, value: fitting(value, isSegment) } } };
    }
    case 'form-field':
      return { kind: { $case: 'formField', value: { name: inject.name, value: fitting(value, isPlainText) } } };
    case 'json-field':
      return { kind: { $case: 'jsonField', value: { pointer: inject.pointer, value: fitting(value, isPlainText) } } };
    case 'placeholder': {
      const place = { location: PLACEHOLDER_LOCATIONS[inject.in], name: inject.name ?? '' };
      const fits = PLACEHOLDER_FITS[inject.in];
      return {
        kind: { $case: 'placeholder', value: { placeholders: [...placeholders], place, value: fitting(value, fits) } },
      };
    }
    case 'client-certificate': {
      const { certificate, notAfter } = readCertificate(secret);
      return { kind: { $case: 'clientCertificate', value: certificate }, notAfter };
    }
    case 'aws-sigv4':
    case 'hmac':
    case 'dpop':
      return { kind: placeSigning(inject, secret) };
  }
}

type Test = (value: Buffer) => boolean;

const isText =
  (grammar: RegExp): Test =>
  (value) =>
    grammar.test(value.toString('latin1'));
const hasNoControls: Test = (value) => !value.some((byte) => byte < 0x20 || byte === 0x7f);
const isSegment: Test = (value) => isPlainText(value) && !isDotSegment(value.toString('utf8'));

const PLACEHOLDER_FITS: Record<keyof typeof PLACEHOLDER_LOCATIONS, Test> = {
  header: isText(FIELD_TEXT),
  query: hasNoControls,
  cookie: isText(COOKIE_TEXT),
  path: isSegment,
  json: isPlainText,
  form: isPlainText,
};

function fitting(value: Buffer, fits: Test): Buffer {
  if (!fits(value)) throw invalid('the credential has bytes that its place does not allow');
  return value;
}

/** A chain, leaf first, and its key, in one PEM text. */
function readCertificate(secret: Secret): { certificate: ClientCertificateInjection; notAfter: number } {
  const text = secret.reveal();
  const chain = pemBlocks(text, 'CERTIFICATE');
  const keys = pemBlocks(text, 'PRIVATE KEY');
  const [leafPem] = chain;
  const [keyPem] = keys;
  if (leafPem === undefined || keyPem === undefined || keys.length !== 1) {
    throw invalid('the credential is not a certificate chain and one PKCS #8 key in PEM');
  }
  try {
    const leaf = new X509Certificate(leafPem);
    for (const issuer of chain.slice(1)) new X509Certificate(issuer);
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw invalid("the certificate is not the key's");
    const certificate = { certificatePem: `${chain.join('\n')}\n`, privateKey: Buffer.from(`${keyPem}\n`) };
    return { certificate, notAfter: Date.parse(leaf.validTo) };
  } catch (error) {
    if (error instanceof CredentialError) throw error;
    // The parser's message could quote what it read.
    throw invalid('the certificate or its key cannot be read');
  }
}

function invalid(message: string): CredentialError {
  return new CredentialError(message, { reason: 'credential-invalid' });
}
