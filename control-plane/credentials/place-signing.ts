import { z } from 'zod';
import type { Secret } from '../../common/secret.ts';
import { AwsAlgorithm, type Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import type { SigningInjection } from '../resources/signing-injection.ts';
import { CredentialError } from './credential-minter.ts';

type Kind = NonNullable<Injection['kind']>;

const visible = z.string().regex(/^[\x21-\x7e]{1,16384}$/);
const awsKey = z.strictObject({
  accessKeyId: z.string().regex(/^[A-Za-z0-9_]{1,128}$/),
  secretAccessKey: visible,
  sessionToken: visible.optional(),
});
const dpopKey = z.strictObject({
  accessToken: visible,
  privateKey: z.union([z.string().min(1), z.record(z.string(), z.string())]),
});

/**
 * The key of a signing injection, as it goes to the proxy.
 *
 * @throws CredentialError `credential-invalid`; its message quotes nothing of the credential.
 */
export function placeSigning(inject: SigningInjection, secret: Secret): Kind {
  switch (inject.type) {
    case 'aws-sigv4': {
      const {
        accessKeyId,
        secretAccessKey,
        sessionToken = '',
      } = partsOf(secret, awsKey, 'accessKeyId, secretAccessKey');
      const { service, regions } = inject;
      const keys = { secretAccessKey: Buffer.from(secretAccessKey), sessionToken: Buffer.from(sessionToken) };
      const algorithm = AWS_ALGORITHMS[inject.algorithm];
      return { $case: 'awsSigv4', value: { accessKeyId, ...keys, service, regions: [...regions], algorithm } };
    }
    case 'hmac': {
      const { hash: algorithm, encoding, timestamp, signed, headers } = inject;
      const key = decodeKey(secret, inject.keyEncoding);
      return { $case: 'hmac', value: { key, algorithm, encoding, timestamp, signed, headers: [...headers] } };
    }
    case 'dpop': {
      const { accessToken, privateKey } = partsOf(secret, dpopKey, 'accessToken, privateKey');
      const key = typeof privateKey === 'string' ? privateKey : JSON.stringify(privateKey);
      return { $case: 'dpop', value: { accessToken: Buffer.from(accessToken), privateKey: Buffer.from(key) } };
    }
  }
}

const AWS_ALGORITHMS = {
  sigv4: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256,
  sigv4a: AwsAlgorithm.AWS_ALGORITHM_ECDSA_P256_SHA256,
} as const;

function partsOf<T>(secret: Secret, schema: z.ZodType<T>, wanted: string): T {
  const parsed = schema.safeParse(parseJson(secret));
  if (parsed.success) return parsed.data;
  throw invalid(`the credential is not JSON with ${wanted}`);
}

function parseJson(secret: Secret): unknown {
  try {
    return JSON.parse(secret.reveal());
  } catch {
    // Not kept as the cause: its message quotes the text.
    return undefined;
  }
}

function decodeKey(secret: Secret, encoding: 'utf8' | 'hex' | 'base64'): Buffer {
  if (encoding === 'utf8') return secret.revealBytes();
  const text = secret.reveal().trim();
  const grammar = encoding === 'hex' ? /^(?:[0-9a-fA-F]{2})+$/ : /^[A-Za-z0-9+/_-]+={0,2}$/;
  if (!grammar.test(text)) throw invalid(`the HMAC key is not ${encoding}`);
  return Buffer.from(text, encoding);
}

function invalid(message: string): CredentialError {
  return new CredentialError(message, { reason: 'credential-invalid' });
}
