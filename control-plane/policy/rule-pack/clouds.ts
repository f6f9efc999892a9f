import { regionalHosts } from './aws-hosts.ts';
import { googleHosts } from './google-hosts.ts';
import type { SecretEndpoint } from './secret-endpoint.ts';

const AWS_KEYS = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'] as const;

const GOOGLE_TOKENS = ['access_token', 'refresh_token', 'id_token'] as const;
const GOOGLE_SIGNED = ['accessToken', 'token', 'signedJwt', 'signedBlob'] as const;

/** Sources: the API references of AWS and Google Cloud. */
export const CLOUD_ENDPOINTS = {
  'aws-sts': {
    provider: 'aws',
    hosts: ['sts.amazonaws.com', ...regionalHosts('sts', 'sts-fips')],
    actions: [
      'AssumeRole*',
      'AssumeRoot',
      'GetFederationToken',
      'GetSessionToken',
      'GetWebIdentityToken',
      'GetDelegatedAccessToken',
    ],
    secretFields: [...AWS_KEYS, 'WebIdentityToken'],
    about: 'temporary credentials',
  },
  'aws-iam-keys': {
    provider: 'aws',
    hosts: ['iam.amazonaws.com', ...regionalHosts('iam', 'iam-fips')],
    actions: [
      'CreateAccessKey',
      'CreateLoginProfile',
      'UpdateLoginProfile',
      'CreateServiceSpecificCredential',
      'ResetServiceSpecificCredential',
      'CreateVirtualMFADevice',
      'UploadSigningCertificate',
      'UploadSSHPublicKey',
    ],
    secretFields: ['SecretAccessKey', 'ServicePassword', 'ServiceCredentialSecret', 'Base32StringSeed', 'QRCodePNG'],
    about: 'access keys, passwords and MFA seeds of users',
  },
  'aws-secrets': {
    provider: 'aws',
    hosts: regionalHosts('secretsmanager', 'secretsmanager-fips', 'ssm', 'ssm-fips'),
    targets: ['secretsmanager.*GetSecretValue', 'secretsmanager.GetRandomPassword', 'AmazonSSM.GetParameter*'],
    secretFields: ['SecretString', 'SecretBinary', 'RandomPassword', 'Value'],
    about: 'values of Secrets Manager and Parameter Store',
  },
  'aws-session-tokens': {
    provider: 'aws',
    hosts: regionalHosts('ssm', 'ssm-fips'),
    targets: [
      'AmazonSSM.StartSession',
      'AmazonSSM.ResumeSession',
      'AmazonSSM.GetAccessToken',
      'AmazonSSM.CreateActivation',
    ],
    secretFields: [...AWS_KEYS, 'TokenValue', 'StreamUrl', 'ActivationCode'],
    about: 'sessions on machines, and codes that register them',
  },
  'aws-key-pairs': {
    provider: 'aws',
    hosts: ['ec2.amazonaws.com', ...regionalHosts('ec2', 'ec2-fips')],
    actions: ['CreateKeyPair'],
    secretFields: ['keyMaterial'],
    about: 'private keys for machines of EC2',
  },
  'aws-kms': {
    provider: 'aws',
    hosts: regionalHosts('kms', 'kms-fips'),
    targets: [
      'TrentService.Decrypt',
      'TrentService.GenerateDataKey*',
      'TrentService.DeriveSharedSecret',
      'TrentService.GetParametersForImport',
    ],
    secretFields: ['Plaintext', 'PrivateKeyPlaintext', 'SharedSecret'],
    about: 'plaintext and data keys of KMS',
  },
  'aws-ecr-token': {
    provider: 'aws',
    hosts: regionalHosts('api.ecr', 'ecr', 'ecr-fips', 'api.ecr-public', 'ecr-public'),
    targets: ['*.GetAuthorizationToken'],
    secretFields: ['authorizationToken'],
    about: 'registry passwords',
  },
  'aws-identity': {
    provider: 'aws',
    hosts: regionalHosts('cognito-identity', 'cognito-identity-fips', 'cognito-idp', 'cognito-idp-fips'),
    targets: [
      '*.GetCredentialsForIdentity',
      '*.GetOpenIdToken*',
      '*.InitiateAuth',
      '*.AdminInitiateAuth',
      '*.DescribeUserPoolClient',
      '*.CreateUserPoolClient',
      '*.UpdateUserPoolClient',
      '*.RespondToAuthChallenge',
      '*.AdminRespondToAuthChallenge',
      '*.GetTokensFromRefreshToken',
    ],
    secretFields: ['SecretKey', 'SessionToken', 'Token', 'AccessToken', 'IdToken', 'RefreshToken', 'ClientSecret'],
    about: 'tokens and client secrets of Cognito',
  },
  'aws-s3-sessions': {
    provider: 'aws',
    hosts: ['*.s3express-*.amazonaws.com'],
    parameters: ['session'],
    secretFields: AWS_KEYS,
    about: 'temporary credentials for a directory bucket (CreateSession)',
  },
  'aws-s3-access-grants': {
    provider: 'aws',
    hosts: ['*.s3-control.*.amazonaws.com', '*.s3-control-fips.*.amazonaws.com', '*.s3-control.*.amazonaws.com.cn'],
    paths: ['/v20180820/accessgrantsinstance/dataaccess'],
    secretFields: AWS_KEYS,
    about: 'temporary credentials by S3 Access Grants (GetDataAccess)',
  },
  'aws-sso': {
    provider: 'aws',
    hosts: regionalHosts('portal.sso', 'oidc'),
    paths: ['/federation/credentials', '/token', '/client/register'],
    secretFields: ['secretAccessKey', 'sessionToken', 'accessToken', 'refreshToken', 'idToken', 'clientSecret'],
    about: 'role credentials and tokens of IAM Identity Center',
  },
  'google-token': {
    provider: 'google',
    hosts: [...googleHosts('oauth2', 'sts'), 'accounts.google.com', 'www.googleapis.com'],
    methods: ['POST', 'GET'],
    paths: ['/token', '/o/oauth2/token', '/oauth2/v*/token', '/v*/token', '/v1/oauthtoken'],
    secretFields: GOOGLE_TOKENS,
    about: 'OAuth 2.0 tokens',
  },
  'google-iam-credentials': {
    provider: 'google',
    hosts: [...googleHosts('iamcredentials'), 'iamcredentials.*.rep.googleapis.com'],
    methods: ['POST'],
    secretFields: GOOGLE_SIGNED,
    about: 'tokens and signatures of service accounts',
  },
  'google-service-account-keys': {
    provider: 'google',
    hosts: googleHosts('iam'),
    methods: ['POST'],
    paths: [
      '/v1/projects/*/serviceAccounts/*/keys',
      '/v1/projects/*/serviceAccounts/*/keys:upload',
      '/v1/projects/*/serviceAccounts/*',
      '/google.iam.admin.v1.IAM/*ServiceAccountKey',
      '/google.iam.admin.v1.IAM/Sign*',
    ],
    secretFields: ['privateKeyData'],
    about: 'keys of service accounts, and signing with them',
  },
  'google-api-keys': {
    provider: 'google',
    hosts: googleHosts('apikeys'),
    paths: [
      '/v2/projects/*/locations/*/keys',
      '/v2/projects/*/locations/*/keys/*/keyString',
      '/google.api.apikeys.v2.ApiKeys/CreateKey',
      '/google.api.apikeys.v2.ApiKeys/GetKeyString',
    ],
    secretFields: ['keyString'],
    about: 'API keys',
  },
  'google-secrets': {
    provider: 'google',
    hosts: [...googleHosts('secretmanager'), 'secretmanager.*.rep.googleapis.com'],
    paths: [
      '/v*/projects/*/secrets/*/versions/*:access',
      '/v*/projects/*/locations/*/secrets/*/versions/*:access',
      '/google.cloud.secretmanager.*/AccessSecretVersion',
    ],
    secretFields: ['data', 'dataCrc32c'],
    about: 'values of Secret Manager',
  },
  'google-storage-keys': {
    provider: 'google',
    hosts: [...googleHosts('storage'), 'www.googleapis.com'],
    methods: ['POST'],
    paths: ['/storage/v1/projects/*/hmacKeys'],
    secretFields: ['secret'],
    about: 'HMAC keys of Cloud Storage',
  },
  'google-batch': {
    provider: 'google',
    hosts: [...googleHosts('iam', 'apikeys', 'secretmanager', 'sts', 'storage'), 'www.googleapis.com'],
    methods: ['POST'],
    paths: ['/batch/**'],
    secretFields: [...GOOGLE_TOKENS, ...GOOGLE_SIGNED, 'privateKeyData', 'keyString', 'data', 'dataCrc32c', 'secret'],
    about: 'batches, whose calls are not read',
  },
} as const satisfies Record<string, SecretEndpoint>;
