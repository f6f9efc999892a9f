import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { makeAgentEnvironment, writeTrustFiles } from '../../../../cli/agent/agent-environment.ts';

const CA_PEM = rootCertificates[0] ?? '';
const trust = writeTrustFiles(CA_PEM);
afterAll(() => trust.remove());

function make(from: NodeJS.ProcessEnv, more: { remove?: string[]; keep?: string[] } = {}) {
  return makeAgentEnvironment(from, {
    proxyUrl: 'http://127.0.0.1:8080',
    trust,
    remove: more.remove ?? [],
    keep: more.keep ?? [],
  });
}

describe('makeAgentEnvironment', () => {
  it.each([
    'OPENAI_API_KEY',
    'ANTHROPIC_API_KEY',
    'GITHUB_TOKEN',
    'GH_TOKEN',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'PGPASSWORD',
    'DATABASE_URL',
    'API_KEY',
    'STRIPE_SECRET_KEY',
    'SLACK_BOT_TOKEN',
    'HF_TOKEN',
    'CI_JOB_TOKEN',
    'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
    'ACTIONS_RUNTIME_TOKEN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN',
    'SSH_AUTH_SOCK',
    'KUBECONFIG',
    'DOCKER_AUTH_CONFIG',
    'MONGODB_URI',
    'POSTGRES_URL',
    'DISCORD_TOKEN',
    'OPENAI_KEY',
    'GITHUB_PAT',
    'HUGGING_FACE_HUB_TOKEN',
    'CLOUDFLARE_TOKEN',
    'CARGO_REGISTRY_TOKEN',
    'GITLAB_PRIVATE_TOKEN',
    'STRIPE_SECRET',
    'JWT_SECRET',
    'AZURE_STORAGE_CONNECTION_STRING',
    'PROD_DATABASE_URL',
    'DB_PASS',
    'OPENAI_APIKEY',
    'DOCKER_PASSWORD_FILE',
    'npm_config__authToken',
    'SSH_KEY_PATH',
    'openai_api_key',
    'Ci_Job_Token',
    'spring.datasource.password',
    'app.database.url',
    'my-app.api-key',
  ])('removes %s and says so', (name) => {
    const { env, removed } = make({ [name]: 'hunter2', PATH: '/bin' });
    expect(removed).toEqual([name]);
    expect(Object.values(env)).not.toContain('hunter2');
    expect(env['PATH']).toBe('/bin');
  });

  it('keeps what merely resembles a credential', () => {
    const from = {
      KEYBOARD: 'us',
      TOKENIZERS_PARALLELISM: 'false',
      MONKEY: 'x',
      MAX_OUTPUT_TOKENS: '9',
      PATH: '/bin',
      PWD: '/work',
      GIT_ASKPASS: '/usr/bin/true',
      STRIPE_PUBLISHABLE_KEY: 'pk',
      'stripe.public.key': 'pk',
      HOMEPAGE: 'https://example.com/@me',
      GIT_REMOTE: 'ssh://git@example.com/repo',
      LOCAL_API: 'http://127.0.0.1:8000/v1?at=x@y',
    };
    expect(make(from)).toMatchObject({ env: from, removed: [] });
  });

  it.each([
    'https://t0ken@example.com/simple',
    'amqp://guest:guest@queue:5672',
    'postgresql://u:p@db/x',
    'redis://:pw@r',
  ])('removes a variable of any name with %s', (url) => {
    expect(make({ PIP_INDEX_URL: url }).removed).toEqual(['PIP_INDEX_URL']);
    expect(make({ PIP_INDEX_URL: url }, { keep: ['PIP_INDEX_URL'] }).env['PIP_INDEX_URL']).toBe(url);
  });

  it('obeys --keep-env and --remove-env, the latter first', () => {
    const from = { A_API_KEY: '1', B_API_KEY: '2', PLAIN: '3' };
    const { env, removed } = make(from, { keep: ['A_API_KEY', 'PLAIN'], remove: ['PLAIN'] });
    expect(env['A_API_KEY']).toBe('1');
    expect(removed).toEqual(['B_API_KEY', 'PLAIN']);
  });

  it("removes what leads round the proxy, and Sidekey's own settings", () => {
    const { env } = make({
      NO_PROXY: '*',
      no_proxy: '*',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      SIDEKEY_TOKEN: 't',
      SSL_CERT_DIR: '/x',
    });
    for (const name of ['NO_PROXY', 'no_proxy', 'NODE_TLS_REJECT_UNAUTHORIZED', 'SIDEKEY_TOKEN', 'SSL_CERT_DIR']) {
      expect(env).not.toHaveProperty(name);
    }
  });

  it('sets proxy and trust variables for every client', () => {
    const { env, removed } = make({ HTTPS_PROXY: 'http://user:password@elsewhere:1' });
    expect(removed).toEqual([]);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) {
      expect(env[name]).toBe('http://127.0.0.1:8080');
    }
    for (const name of ['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'GIT_SSL_CAINFO', 'AWS_CA_BUNDLE']) {
      expect(env[name]).toBe(trust.bundleFile);
    }
    expect(env['NODE_EXTRA_CA_CERTS']).toBe(trust.authorityFile);
    expect(env['DENO_CERT']).toBe(trust.authorityFile);
  });

  it('writes certificates only', () => {
    const bundle = readFileSync(trust.bundleFile, 'utf8');
    expect(bundle).toContain(CA_PEM.trim());
    expect(bundle).not.toContain('PRIVATE KEY');
  });
});
