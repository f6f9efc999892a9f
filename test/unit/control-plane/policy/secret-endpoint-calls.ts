import type { SecretEndpointName } from '../../../../control-plane/policy/rule-pack/names.ts';

const SUFFIXES = [
  'eu-west-1.amazonaws.com',
  'eu-west-1.api.aws',
  'cn-north-1.amazonaws.com.cn',
  'cn-north-1.api.amazonwebservices.com.cn',
  'eusc-de-east-1.amazonaws.eu',
  'eusc-de-east-1.api.amazonwebservices.eu',
];

/** The call in every partition of AWS, over dual stack, with and without FIPS, and behind an interface endpoint. */
function everywhere(call: string, ...services: readonly string[]): [where: string, call: string][] {
  return services.flatMap((service) => [
    ...SUFFIXES.map((suffix): [string, string] => [`POST ${service}.${suffix}`, call]),
    [`POST vpce-1-a.${service}.eu-west-1.vpce.amazonaws.com`, call],
  ]);
}

/**
 * Calls that the API references of the providers document as making or showing secrets: method and host, then paths;
 * `?Name` is an `Action` of AWS, `!Name` an `X-Amz-Target`.
 */
export const DOCUMENTED_CALLS = {
  'aws-sts': [
    ['POST sts.amazonaws.com', '?AssumeRole', '?AssumeRoleWithSAML', '?AssumeRoleWithWebIdentity', '?AssumeRoot'],
    ['POST sts.eu-west-1.amazonaws.com', '?GetFederationToken', '?GetSessionToken', '?GetWebIdentityToken'],
    ['POST sts.cn-north-1.amazonaws.com.cn', '?GetDelegatedAccessToken'],
    ...everywhere('?AssumeRole', 'sts', 'sts-fips'),
  ],
  'aws-iam-keys': [
    ['POST iam.amazonaws.com', '?CreateAccessKey', '?CreateLoginProfile', '?UpdateLoginProfile'],
    ['POST iam.us-gov.amazonaws.com', '?CreateServiceSpecificCredential', '?ResetServiceSpecificCredential'],
    ['POST iam.cn-north-1.amazonaws.com.cn', '?CreateVirtualMFADevice', '?UploadSigningCertificate'],
    ['POST iam.amazonaws.com', '?UploadSSHPublicKey'],
    ...everywhere('?CreateAccessKey', 'iam', 'iam-fips'),
  ],
  'aws-secrets': [
    ['POST secretsmanager.eu-west-1.amazonaws.com', '!secretsmanager.GetSecretValue'],
    ['POST secretsmanager-fips.us-east-1.amazonaws.com', '!secretsmanager.BatchGetSecretValue'],
    ['POST secretsmanager.eu-west-1.amazonaws.com', '!secretsmanager.GetRandomPassword'],
    ['POST ssm.eu-west-1.amazonaws.com', '!AmazonSSM.GetParameter', '!AmazonSSM.GetParametersByPath'],
    ['POST ssm-fips.us-east-1.amazonaws.com', '!AmazonSSM.GetParameterHistory'],
    ...everywhere('!secretsmanager.GetSecretValue', 'secretsmanager', 'secretsmanager-fips'),
    ...everywhere('!AmazonSSM.GetParameter', 'ssm', 'ssm-fips'),
  ],
  'aws-kms': [
    ['POST kms.eu-west-1.amazonaws.com', '!TrentService.Decrypt', '!TrentService.GenerateDataKeyPair'],
    ['POST kms-fips.us-east-1.amazonaws.com', '!TrentService.DeriveSharedSecret'],
    ...everywhere('!TrentService.Decrypt', 'kms', 'kms-fips'),
    ['POST kms.eu-west-1.amazonaws.com', '!TrentService.GetParametersForImport'],
  ],
  'aws-ecr-token': [
    ['POST api.ecr.eu-west-1.amazonaws.com', '!AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken'],
    ['POST ecr.eu-west-1.amazonaws.com', '!AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken'],
    ['POST api.ecr-public.us-east-1.amazonaws.com', '!SpencerFrontendService.GetAuthorizationToken'],
    ...everywhere('!SpencerFrontendService.GetAuthorizationToken', 'api.ecr-public', 'ecr-public'),
    ...everywhere('!AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken', ...['api.ecr', 'ecr', 'ecr-fips']),
  ],
  'aws-identity': [
    ['POST cognito-identity.eu-west-1.amazonaws.com', '!AWSCognitoIdentityService.GetCredentialsForIdentity'],
    ['POST cognito-identity.eu-west-1.amazonaws.com', '!AWSCognitoIdentityService.GetOpenIdToken'],
    ['POST cognito-idp.eu-west-1.amazonaws.com', '!AWSCognitoIdentityProviderService.InitiateAuth'],
    ['POST cognito-idp.eu-west-1.amazonaws.com', '!AWSCognitoIdentityProviderService.AdminInitiateAuth'],
    ['POST cognito-idp.eu-west-1.amazonaws.com', '!AWSCognitoIdentityProviderService.DescribeUserPoolClient'],
    ['POST cognito-idp.eu-west-1.amazonaws.com', '!AWSCognitoIdentityProviderService.CreateUserPoolClient'],
    ...everywhere('!AWSCognitoIdentityProviderService.InitiateAuth', 'cognito-idp', 'cognito-idp-fips'),
    ...everywhere('!AWSCognitoIdentityService.GetOpenIdToken', 'cognito-identity', 'cognito-identity-fips'),
  ],
  'aws-sso': [
    ['GET portal.sso.eu-west-1.amazonaws.com', '/federation/credentials'],
    ['POST oidc.eu-west-1.amazonaws.com', '/token', '/client/register'],
    ...everywhere('/token', 'oidc'),
    ...everywhere('/federation/credentials', 'portal.sso'),
  ],
  'google-token': [
    ['POST oauth2.googleapis.com', '/token'],
    ['POST accounts.google.com', '/o/oauth2/token'],
    ['GET oauth2.googleapis.com', '/token'],
    ['POST sts.googleapis.com', '/v1/token', '/v1/oauthtoken'],
    ['POST www.googleapis.com', '/oauth2/v4/token'],
  ],
  'google-iam-credentials': [
    ['POST iamcredentials.googleapis.com', '/v1/projects/-/serviceAccounts/a:generateAccessToken'],
    ['POST iamcredentials.europe-west1.rep.googleapis.com', '/v1/projects/-/serviceAccounts/a:signJwt'],
  ],
  'google-service-account-keys': [
    [
      'POST iam.googleapis.com',
      '/v1/projects/p/serviceAccounts/a/keys',
      '/v1/projects/p/serviceAccounts/a/keys:upload',
    ],
    ['POST iam.googleapis.com', '/v1/projects/p/serviceAccounts/a:signBlob'],
    ['POST iam.googleapis.com', '/google.iam.admin.v1.IAM/CreateServiceAccountKey', '/google.iam.admin.v1.IAM/SignJwt'],
  ],
  'google-api-keys': [
    ['POST apikeys.googleapis.com', '/v2/projects/p/locations/global/keys', '/google.api.apikeys.v2.ApiKeys/CreateKey'],
    ['GET apikeys.googleapis.com', '/v2/projects/p/locations/global/keys/k/keyString'],
    ['POST apikeys.googleapis.com', '/google.api.apikeys.v2.ApiKeys/GetKeyString'],
  ],
  'google-secrets': [
    ['GET secretmanager.googleapis.com', '/v1/projects/p/secrets/s/versions/latest:access'],
    ['GET secretmanager.europe-west1.rep.googleapis.com', '/v1/projects/p/locations/l/secrets/s/versions/1:access'],
    ['POST secretmanager.googleapis.com', '/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion'],
  ],
  'azure-token': [
    ['POST login.microsoftonline.com', '/common/oauth2/v2.0/token', '/common/oauth2/v2.0/devicecode'],
    ['POST login.microsoftonline.us', '/tenant/oauth2/v2.0/token'],
    ['POST login.chinacloudapi.cn', '/tenant/oauth2/token'],
    ['POST sts.windows.net', '/tenant/oauth2/token'],
  ],
  'azure-keys': [
    ['POST management.azure.com', '/s/1/storageAccounts/a/listKeys', '/s/1/storageAccounts/a/regenerateKey'],
    ['POST management.azure.com', '/s/1/storageAccounts/a/listAccountSas', '/s/1/storageAccounts/a/listServiceSas'],
    ['POST management.azure.com', '/s/1/redis/a/listkeys', '/s/1/search/a/regeneratekey', '/s/1/jobs/j/listSecrets'],
    ['POST management.azure.com', '/s/1/registries/r/listCredentials', '/s/1/registries/r/regenerateCredential'],
    ['POST management.azure.com', '/s/1/commands/c/listCredential', '/s/1/cosmos/c/listConnectionStrings'],
    ['POST management.azure.com', '/s/1/search/s/listAdminKeys', '/s/1/search/s/listQueryKeys'],
    ['POST management.azure.com', '/s/1/search/s/createQueryKey/q', '/s/1/search/s/regenerateAdminKey/primary'],
    ['POST management.azure.com', '/s/1/aks/a/listClusterAdminCredential', '/s/1/aks/a/listClusterUserCredential'],
    ['POST management.usgovcloudapi.net', '/s/1/sites/s/publishxml', '/s/1/sites/s/config/publishingcredentials/list'],
    ['POST management.chinacloudapi.cn', '/s/1/sites/s/config/appsettings/list', '/s/1/x/listsecrets'],
    ['POST management.azure.com', '/s/1/sites/s/config/connectionstrings/list', '/s/1/x/listcredentials'],
  ],
  'azure-graph-passwords': [
    ['POST graph.microsoft.com', '/v1.0/applications/1/addPassword', '/v1.0/servicePrincipals/1/addPassword'],
    ['POST graph.microsoft.us', '/v1.0/applications/1/addKey', '/v1.0/servicePrincipals/1/addKey'],
    ['POST dod-graph.microsoft.us', '/v1.0/users/u/authentication/temporaryAccessPassMethods'],
  ],
  'azure-key-vault': [
    ['GET acme.vault.azure.net', '/secrets/s', '/secrets/s/1'],
    ['POST acme.managedhsm.azure.net', '/keys/k/1/decrypt', '/keys/k/1/unwrapkey', '/keys/k/1/release'],
    ['GET acme.vault.usgovcloudapi.net', '/secrets/s'],
  ],
  'github-tokens': [
    ['POST api.github.com', '/app/installations/1/access_tokens', '/app-manifests/c/conversions'],
    ['PATCH api.github.com', '/applications/c/token'],
    ['POST api.acme.ghe.com', '/applications/c/token/scoped', '/authorizations', '/copilot_internal/v2/token'],
    ['POST github.com', '/login/oauth/access_token'],
  ],
  'github-keys': [
    ['POST api.github.com', '/repos/o/r/keys', '/user/keys', '/user/gpg_keys', '/user/ssh_signing_keys'],
    ['PUT github.com', '/user/keys'],
    ['POST api.acme.ghe.com', '/repos/o/r/keys'],
  ],
  'github-runner-tokens': [
    ['POST api.github.com', '/repos/o/r/actions/runners/registration-token', '/orgs/o/actions/runners/remove-token'],
    ['POST api.acme.ghe.com', '/enterprises/e/actions/runners/generate-jitconfig'],
    ['POST github.com', '/orgs/o/actions/runners/registration-token'],
  ],
  'gitlab-tokens': [
    ['POST gitlab.com', '/oauth/token', '/api/v4/session'],
    ['GET gitlab.com', '/jwt/auth'],
  ],
  'gitlab-access-tokens': [
    ['POST gitlab.com', '/api/v4/personal_access_tokens/self/rotate', '/api/v4/user/personal_access_tokens'],
    ['POST gitlab.com', '/api/v4/users/1/personal_access_tokens', '/api/v4/users/1/impersonation_tokens'],
    ['POST gitlab.com', '/api/v4/projects/1/service_accounts/2/personal_access_tokens/3/rotate'],
    ['POST gitlab.com', '/api/v4/groups/1/service_accounts/2/personal_access_tokens'],
    ['POST gitlab.com', '/api/v4/projects/1/access_tokens/2/rotate', '/api/v4/groups/1/access_tokens'],
    ['POST gitlab.com', '/api/v4/projects/1/deploy_tokens', '/api/v4/groups/1/deploy_tokens'],
    ['POST gitlab.com', '/api/v4/projects/1/deploy_keys', '/api/v4/projects/1/triggers', '/api/v4/user/runners'],
    ['POST gitlab.com', '/api/v4/runners/1/reset_authentication_token', '/api/v4/user/keys', '/api/v4/users/1/keys'],
    ['POST gitlab.com', '/api/v4/projects/1/runners/reset_registration_token'],
    ['POST gitlab.com', '/api/v4/groups/1/runners/reset_registration_token', '/api/v4/applications'],
    ['PUT gitlab.com', '/api/v4/runners/1'],
    ['POST gitlab.com', '/api/v4/projects/1/cluster_agents/2/tokens', '/api/v4/applications/1/renew-secret'],
  ],
  'gitlab-variables': [
    ['GET gitlab.com', '/api/v4/projects/1/variables', '/api/v4/groups/1/variables/K', '/api/v4/admin/ci/variables'],
  ],
  'openai-keys': [
    ['POST api.openai.com', '/v1/organization/admin_api_keys', '/v1/organization/projects/p/service_accounts'],
    ['POST api.openai.com', '/v1/organization/projects/p/service_accounts/s/api_keys'],
    ['POST eu.api.openai.com', '/v1/organization/projects/p/api_keys', '/v1/realtime/sessions'],
    [
      'POST api.openai.com',
      '/v1/realtime/client_secrets',
      '/v1/realtime/transcription_sessions',
      '/v1/chatkit/sessions',
    ],
  ],
  'anthropic-keys': [
    ['POST api.anthropic.com', '/v1/organizations/api_keys/k', '/api/oauth/claude_cli/create_api_key'],
    ['POST console.anthropic.com', '/v1/oauth/token'],
    ['POST platform.claude.com', '/v1/oauth/token'],
  ],
  'stripe-keys': [
    ['POST connect.stripe.com', '/oauth/token'],
    ['POST api.stripe.com', '/v1/ephemeral_keys', '/v1/webhook_endpoints', '/v2/core/event_destinations'],
    ['GET api.stripe.com', '/v1/apps/secrets/find'],
    ['POST files.stripe.com', '/v1/account_sessions', '/v1/customer_sessions', '/v1/terminal/connection_tokens'],
  ],
  'slack-tokens': [
    ['POST slack.com', '/api/oauth.access', '/api/oauth.v2.access', '/api/oauth.v2.exchange'],
    ['POST slack.com', '/api/openid.connect.token', '/api/tooling.tokens.rotate', '/api/apps.auth.external.get'],
    ['POST acme.slack.com', '/api/apps.connections.open', '/api/auth.teams.list', '/api/apps.manifest.create'],
    ['GET slack.com', '/api/rtm.connect', '/api/rtm.start'],
  ],
  'vault-login': [
    [
      'POST acme.hashicorp.cloud',
      '/v1/auth/approle/login',
      '/v1/auth/userpass/login/me',
      '/v1/admin/auth/team/ldap/login/me',
    ],
    [
      'POST acme.hashicorp.cloud',
      '/v1/auth/token/create',
      '/v1/admin/auth/token/create/role',
      '/v1/ns/auth/token/create-orphan',
    ],
    [
      'POST acme.hashicorp.cloud',
      '/v1/auth/token/lookup',
      '/v1/auth/token/renew',
      '/v1/a/b/auth/approle/role/r/secret-id',
    ],
    ['GET acme.hashicorp.cloud', '/v1/identity/oidc/token/r'],
    ['POST acme.hashicorp.cloud', '/v1/admin/sys/wrapping/unwrap'],
  ],
  'vault-secrets': [
    ['GET acme.hashicorp.cloud', '/v1/database/creds/r', '/v1/admin/database/creds/r', '/v1/team/db/static-creds/r'],
    [
      'GET acme.hashicorp.cloud',
      '/v1/aws/sts/r',
      '/v1/app/data/config',
      '/v1/secret/test',
      '/v1/marketing/secret/test',
    ],
    [
      'GET acme.hashicorp.cloud',
      '/v1/ns/kv/a/b',
      '/v1/transit/export/encryption-key/k',
      '/v1/gcp/token/r',
      '/v1/gcp/key/r',
    ],
    ['POST acme.hashicorp.cloud', '/v1/pki/issue/r', '/v1/transit/decrypt/k', '/v1/transit/datakey/plaintext/k'],
    [
      'POST acme.hashicorp.cloud',
      '/v1/gcp/roleset/r/token',
      '/v1/gcp/static-account/a/key',
      '/v1/sys/rotate/root/init',
    ],
    ['PUT acme.hashicorp.cloud', '/v1/sys/generate-root/update', '/v1/sys/rekey/update', '/v1/sys/init'],
  ],
  'npm-tokens': [
    ['POST registry.npmjs.org', '/-/npm/v1/tokens', '/-/v1/login', '/-/npm/v1/oidc/token/exchange/package/p'],
    ['PUT registry.npmjs.org', '/-/user/org.couchdb.user:me'],
    ['GET www.npmjs.com', '/-/v1/done'],
  ],
  'docker-tokens': [
    ['GET auth.docker.io', '/token'],
    ['POST registry-1.docker.io', '/v2/token'],
    ['GET ghcr.io', '/token'],
    ['GET quay.io', '/v2/auth'],
    ['POST acme.azurecr.io', '/oauth2/token', '/oauth2/exchange'],
    ['GET gcr.io', '/v2/token'],
    ['GET eu.gcr.io', '/v2/token'],
    ['GET europe-docker.pkg.dev', '/v2/token'],
    ['GET registry.gitlab.com', '/jwt/auth', '/service/token'],
    ['POST hub.docker.com', '/v2/users/login', '/v2/users/2fa-login', '/v2/auth/token', '/v2/access-tokens'],
    ['POST hub.docker.com', '/v2/orgs/o/access-tokens'],
  ],
  'oauth-token': [
    ['POST acme.auth0.com', '/oauth/token', '/tenant/oauth/token'],
    ['POST acme.okta.com', '/oauth2/default/v1/token', '/oauth2/token'],
    ['POST acme.oktapreview.com', '/tenant/oauth2/token', '/token'],
    ['POST acme.onelogin.com', '/realms/x/protocol/openid-connect/token', '/connect/token'],
  ],
} as const satisfies Record<SecretEndpointName, readonly (readonly [where: string, ...calls: string[]])[]>;
