import { createPublicKey } from 'node:crypto';
import { Secret } from '../../../common/secret.ts';
import type { AwsCredential } from '../../../proxy/credentials/signing/aws-signer.ts';

/** The key of AWS's test suite. */
export const SUITE_CREDENTIAL: AwsCredential = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
  sessionToken: undefined,
};

/** The public half of the SigV4a key that derives from it, as AWS's own signers' tests give it. */
export const SUITE_V4A_PUBLIC_KEY = createPublicKey({
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: Buffer.from('b6618f6a65740a99e650b33b6b4b5bd0d43b176d721a3edfea7e7d2d56d936b1', 'hex').toString('base64url'),
    y: Buffer.from('865ed22a7eadc9c5cb9d2cbaca1b3699139fedc5043dc6661864218330c8e518', 'hex').toString('base64url'),
  },
  format: 'jwk',
});

/** The key of S3's documented examples. */
export const S3_CREDENTIAL: AwsCredential = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  sessionToken: undefined,
};
