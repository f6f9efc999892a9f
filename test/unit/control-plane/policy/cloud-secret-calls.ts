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

/** Google's own names of a service, over mutual TLS (`mtlsRootUrl` of its discovery document) and behind a private endpoint. */
function everyName(path: string, service: string, method = 'POST'): [where: string, path: string][] {
  const hosts = ['googleapis.com', 'mtls.googleapis.com'].map((suffix) => `${service}.${suffix}`);
  return [...hosts, `${service}-acme.p.googleapis.com`].map((host) => [`${method} ${host}`, path]);
}

export const CLOUD_CALLS = {
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
    ...everyName('/v1/token', 'sts'),
    ...everyName('/token', 'oauth2'),
  ],
  'google-iam-credentials': [
    ['POST iamcredentials.googleapis.com', '/v1/projects/-/serviceAccounts/a:generateAccessToken'],
    ['POST iamcredentials.europe-west1.rep.googleapis.com', '/v1/projects/-/serviceAccounts/a:signJwt'],
    ...everyName('/v1/projects/-/serviceAccounts/a:generateIdToken', 'iamcredentials'),
  ],
  'google-service-account-keys': [
    [
      'POST iam.googleapis.com',
      '/v1/projects/p/serviceAccounts/a/keys',
      '/v1/projects/p/serviceAccounts/a/keys:upload',
    ],
    ['POST iam.googleapis.com', '/v1/projects/p/serviceAccounts/a:signBlob'],
    ['POST iam.googleapis.com', '/google.iam.admin.v1.IAM/CreateServiceAccountKey', '/google.iam.admin.v1.IAM/SignJwt'],
    ...everyName('/v1/projects/p/serviceAccounts/a/keys', 'iam'),
  ],
  'google-api-keys': [
    ['POST apikeys.googleapis.com', '/v2/projects/p/locations/global/keys', '/google.api.apikeys.v2.ApiKeys/CreateKey'],
    ['GET apikeys.googleapis.com', '/v2/projects/p/locations/global/keys/k/keyString'],
    ['POST apikeys.googleapis.com', '/google.api.apikeys.v2.ApiKeys/GetKeyString'],
    ...everyName('/v2/projects/p/locations/global/keys/k/keyString', 'apikeys', 'GET'),
  ],
  'google-secrets': [
    ['GET secretmanager.googleapis.com', '/v1/projects/p/secrets/s/versions/latest:access'],
    ['GET secretmanager.europe-west1.rep.googleapis.com', '/v1/projects/p/locations/l/secrets/s/versions/1:access'],
    ['POST secretmanager.googleapis.com', '/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion'],
    ...everyName('/v1/projects/p/secrets/s/versions/latest:access', 'secretmanager', 'GET'),
  ],
  'google-storage-keys': [
    ...everyName('/storage/v1/projects/p/hmacKeys', 'storage'),
    ['POST www.googleapis.com', '/storage/v1/projects/p/hmacKeys'],
  ],
  'google-batch': [
    ...['iam', 'apikeys', 'secretmanager', 'sts'].flatMap((service) => everyName('/batch', service)),
    ...everyName('/batch/storage/v1', 'storage'),
    ['POST www.googleapis.com', '/batch', '/batch/storage/v1'],
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
    ['POST management.azure.com', '/s/1/sites/s/config/azurestorageaccounts/list', '/s/1/sites/s/config/backup/list'],
    ['POST management.azure.com', '/s/1/sites/s/slots/t/config/authsettingsV2/list', '/s/1/workspaces/w/sharedKeys'],
    [
      'POST management.azure.com',
      '/s/1/namespaces/n/authorizationRules/r/regenerateKeys',
      '/s/1/disks/d/beginGetAccess',
    ],
    ['POST management.azure.com', '/s/1/factories/f/integrationRuntimes/i/listAuthKeys', '/s/1/f/i/regenerateAuthKey'],
    ['POST management.azure.com', '/s/1/registries/r/generateCredentials', '/s/1/users/u/regeneratePassword'],
    ['POST management.azure.com', '/s/1/workspaces/w/listStorageAccountKeys', '/s/1/w/listNotebookAccessToken'],
    ['POST management.azure.com', '/s/1/aks/a/listClusterMonitoringUserCredential', '/s/1/maps/m/listSas'],
    ['POST management.azure.com', '/s/1/workflows/w/triggers/t/listCallbackUrl', '/s/1/cosmos/c/readonlykeys'],
    ['GET management.azure.com', '/s/1/cosmos/c/readonlykeys'],
  ],
  'azure-graph-passwords': [
    ['POST graph.microsoft.com', '/v1.0/applications/1/addPassword', '/v1.0/servicePrincipals/1/addPassword'],
    ['POST graph.microsoft.us', '/v1.0/applications/1/addKey', '/v1.0/servicePrincipals/1/addKey'],
    ['POST dod-graph.microsoft.us', '/v1.0/users/u/authentication/temporaryAccessPassMethods'],
    ['POST graph.microsoft.com', "/v1.0/applications(appId='a')/addPassword", "/beta/applications(appId='a')/addKey"],
    ['POST graph.microsoft.com', "/v1.0/servicePrincipals(appId='a')/microsoft.graph.addPassword"],
    ['POST graph.microsoft.com', '/v1.0/applications/1/microsoft.graph.addKey'],
    ['POST graph.microsoft.com', "/v1.0/users('u')/authentication/methods/m/microsoft.graph.resetPassword"],
    ['POST graph.microsoft.com', '/v1.0/me/authentication/passwordMethods/p/resetPassword'],
  ],
  'azure-graph-recovery': [
    ['GET graph.microsoft.com', '/v1.0/informationProtection/bitlocker/recoveryKeys/k'],
    ['GET graph.microsoft.us', '/v1.0/directory/deviceLocalCredentials/d'],
    ['GET dod-graph.microsoft.us', "/v1.0/directory/deviceLocalCredentials('d')"],
  ],
  'azure-batch': [
    ['POST graph.microsoft.com', '/v1.0/$batch', '/beta/$batch'],
    ['POST graph.microsoft.us', '/v1.0/%24batch'],
    ['POST dod-graph.microsoft.us', '/v1.0/$batch'],
    ['POST management.azure.com', '/batch'],
    ['POST management.usgovcloudapi.net', '/batch'],
    ['POST management.chinacloudapi.cn', '/batch'],
  ],
  'azure-storage-delegation': [
    ['POST acme.blob.core.windows.net', '/'],
    ['POST acme.blob.core.usgovcloudapi.net', '/'],
    ['POST acme.blob.core.chinacloudapi.cn', '/'],
  ],
  'azure-key-vault': [
    ['GET acme.vault.azure.net', '/secrets/s', '/secrets/s/1'],
    ['POST acme.managedhsm.azure.net', '/keys/k/1/decrypt', '/keys/k/1/unwrapkey', '/keys/k/1/release'],
    ['GET acme.vault.usgovcloudapi.net', '/secrets/s'],
  ],
} as const;
