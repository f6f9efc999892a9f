import { describe, expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import type { RequestFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { routesOf } from '../../../../control-plane/policy/routes.ts';
import { SECRET_ENDPOINTS } from '../../../../control-plane/policy/rule-pack/names.ts';
import { compilePathPattern } from '../../../../common/match/path-pattern.ts';
import { policySet, SESSION } from '../../../support/control-plane/policy-set.ts';

interface Case {
  readonly hosts: string[];
  readonly host?: string;
  readonly provider?: string;
  readonly request?: Partial<RequestFacts>;
  readonly policy?: Record<string, unknown>;
}

const credentials = [{ provider: 'key', inject: { type: 'bearer' } }];

function compiled({ hosts, provider, policy }: Case) {
  return compilePolicySet(
    policySet({
      ServerWorkload: { api: { hosts, ...(provider && { provider }) } },
      CredentialProvider: { key: { type: 'static', secret: { value: 'x' } } },
      AccessPolicy: { p: { clientWorkload: 'billing-agent', serverWorkload: 'api', credentials, ...policy } },
    }),
  );
}

function decideOne(one: Case): string {
  const request = {
    scheme: 'https',
    host: one.host ?? one.hosts[0] ?? '',
    port: 443,
    method: 'POST',
    path: '/',
    ...one.request,
  };
  const decision = decide(compiled(one), SESSION, request, new RevocationSet([]), 0);
  return decision.detail === undefined ? decision.reason : `${decision.reason}: ${decision.detail}`;
}

const action = (name: string): Partial<RequestFacts> => ({
  query: '',
  inspected: { unreadable: [], form: [{ name: 'Action', value: name }] },
});
const target = (value: string): Partial<RequestFacts> => ({ headers: [{ name: 'X-Amz-Target', value }] });
const sts = { hosts: ['sts.eu-west-1.amazonaws.com'] };

describe('the rule pack (A-05)', () => {
  it.each<[string, Case, string]>([
    ['STS', { ...sts, request: action('AssumeRole') }, 'aws-sts'],
    [
      'STS by query',
      { ...sts, request: { method: 'GET', query: 'Action=GetSessionToken', inspected: { unreadable: [], form: [] } } },
      'aws-sts',
    ],
    [
      'STS with an unreadable body',
      { ...sts, request: { query: '', inspected: { unreadable: [{ fact: 'form', why: 'x' }] } } },
      'aws-sts',
    ],
    [
      'STS with an ambiguous query',
      { ...sts, request: { query: 'Action=a&Action=b', inspected: { unreadable: [], form: [] } } },
      'aws-sts',
    ],
    [
      'STS under a wildcard',
      { hosts: ['*.amazonaws.com'], host: 'sts.amazonaws.com', request: action('AssumeRoleWithSAML') },
      'aws-sts',
    ],
    ['IAM', { hosts: ['iam.amazonaws.com'], request: action('CreateAccessKey') }, 'aws-iam-keys'],
    [
      'Secrets Manager',
      { hosts: ['secretsmanager.us-east-1.amazonaws.com'], request: target('secretsmanager.GetSecretValue') },
      'aws-secrets',
    ],
    [
      'an operation named by Smithy RPC v2',
      {
        hosts: ['secretsmanager.us-east-1.amazonaws.com'],
        request: { path: '/service/secretsmanager/operation/GetSecretValue' },
      },
      'aws-secrets',
    ],
    [
      'an operation named by a query, where a target is usual',
      {
        hosts: ['secretsmanager.us-east-1.amazonaws.com'],
        request: { method: 'GET', path: '/', query: 'Action=GetSecretValue' },
      },
      'aws-secrets',
    ],
    [
      'one of two targets',
      {
        hosts: ['kms.us-east-1.amazonaws.com'],
        request: {
          headers: ['TrentService.ListKeys', 'TrentService.Decrypt'].map((value) => ({ name: 'x-amz-target', value })),
        },
      },
      'aws-kms',
    ],
    ['GitHub', { hosts: ['api.github.com'], request: { path: '/app/installations/1/access_tokens' } }, 'github-tokens'],
    [
      'GitHub Enterprise, which must be named',
      { hosts: ['git.acme.com'], provider: 'github', request: { path: '/api/v3/repos/a/b/keys' } },
      'github-keys',
    ],
    [
      'GitLab',
      { hosts: ['gitlab.com'], request: { path: '/api/v4/projects/1/access_tokens' } },
      'gitlab-access-tokens',
    ],
    ['OpenAI', { hosts: ['api.openai.com'], request: { path: '/v1/realtime/client_secrets' } }, 'openai-keys'],
    [
      'Google',
      {
        hosts: ['iamcredentials.googleapis.com'],
        request: { path: '/v1/projects/-/serviceAccounts/a:generateAccessToken' },
      },
      'google-iam-credentials',
    ],
    [
      'Azure',
      { hosts: ['management.azure.com'], request: { path: '/subscriptions/1/providers/x/listKeys' } },
      'azure-keys',
    ],
    [
      'Graph',
      { hosts: ['graph.microsoft.com'], request: { path: '/v1.0/applications/1/addPassword' } },
      'azure-graph-passwords',
    ],
    ['Stripe', { hosts: ['api.stripe.com'], request: { path: '/v1/ephemeral_keys' } }, 'stripe-keys'],
    ['Slack', { hosts: ['slack.com'], request: { path: '/api/oauth.v2.access' } }, 'slack-tokens'],
    [
      'Vault',
      { hosts: ['vault.acme.com'], provider: 'vault', request: { path: '/v1/auth/token/create' } },
      'vault-login',
    ],
    ['npm', { hosts: ['registry.npmjs.org'], request: { path: '/-/npm/v1/tokens' } }, 'npm-tokens'],
    ['a Docker registry', { hosts: ['auth.docker.io'], request: { method: 'GET', path: '/token' } }, 'docker-tokens'],
    [
      'an OAuth server, which must be named',
      { hosts: ['id.acme.com'], provider: 'oauth', request: { path: '/realms/x/protocol/openid-connect/token' } },
      'oauth-token',
    ],
  ])('denies %s', (_title, one, name) => {
    expect(decideOne(one)).toBe(`secret-endpoint: the endpoint is ${name}`);
    expect(decideOne({ ...one, policy: { opens: [name] } })).toBe('ok');
  });

  it.each<[string, Case]>([
    ['other actions', { ...sts, request: action('GetCallerIdentity') }],
    [
      'other targets',
      { hosts: ['secretsmanager.us-east-1.amazonaws.com'], request: target('secretsmanager.ListSecrets') },
    ],
    [
      "a document beside operations that targets name, such as a user pool's keys",
      {
        hosts: ['cognito-idp.us-east-1.amazonaws.com'],
        request: { method: 'GET', path: '/us-east-1_a/.well-known/jwks.json' },
      },
    ],
    ['other paths', { hosts: ['api.github.com'], request: { path: '/repos/a/b/issues' } }],
    ['reading where writing mints', { hosts: ['api.github.com'], request: { method: 'GET', path: '/user/keys' } }],
    ['uploads', { hosts: ['storage.googleapis.com'], request: { path: '/upload/storage/v1/b/bucket/o' } }],
    ['blobs', { hosts: ['acme.blob.core.windows.net'], request: { method: 'PUT', path: '/container/blob' } }],
    [
      'resources of Azure',
      { hosts: ['management.azure.com'], request: { method: 'GET', path: '/s/1/namespaces/n/authorizationRules' } },
    ],
    [
      'applications of Graph',
      { hosts: ['graph.microsoft.com'], request: { method: 'GET', path: "/v1.0/applications(appId='a')" } },
    ],
    [
      'other hosts of a wildcard',
      { hosts: ['*.amazonaws.com'], host: 's3.amazonaws.com', request: action('AssumeRole') },
    ],
    [
      'token requests that the proxy answers itself',
      {
        hosts: ['oauth2.googleapis.com'],
        request: { path: '/token' },
        policy: { credentials: [{ provider: 'key', inject: { type: 'oauth-token', path: '/token' } }] },
      },
    ],
    ['policies that inject nothing', { ...sts, request: action('AssumeRole'), policy: { credentials: [] } }],
  ])('says nothing of %s', (_title, one) => {
    expect(decideOne(one)).toBe('ok');
  });

  it('has routes ask for what it reads', () => {
    expect(routesOf(compiled(sts), SESSION, () => '')).toMatchObject([
      { decisionFacts: [2, 7], selectors: ['form:/Action'], inspectLimitBytes: 1_048_576, maskedAnswerFields: [] },
    ]);
    expect(routesOf(compiled({ hosts: ['s3.amazonaws.com'] }), SESSION, () => '')).toMatchObject([
      { decisionFacts: [], selectors: [], inspectLimitBytes: 0 },
    ]);
  });

  it('masks the answers of what is opened, unless the policy reveals them (A-67)', () => {
    const opens = ['aws-sts'];
    expect(routesOf(compiled({ ...sts, policy: { opens } }), SESSION, () => '')).toMatchObject([
      { decisionFacts: [], maskedAnswerFields: ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'WebIdentityToken'] },
    ]);
    expect(routesOf(compiled({ ...sts, policy: { opens, revealsSecrets: true } }), SESSION, () => '')).toMatchObject([
      { maskedAnswerFields: [] },
    ]);
  });

  it('has only paths that compile', () => {
    for (const { paths } of Object.values(SECRET_ENDPOINTS)) {
      for (const path of paths ?? []) expect(() => compilePathPattern(path)).not.toThrow();
    }
  });
});
