import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SecretEndpointName } from '../../control-plane/policy/rule-pack/names.ts';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

const KEY = 'fresh-1234567890';
const LINK = `https://app.example/x?sig=${KEY}`;
const json = (value: unknown): [type: string, body: string] => ['application/json', JSON.stringify(value)];

/** Answers as the providers' references show them. */
const ANSWERS = {
  'aws-iam-keys': {
    CreateAccessKey: [
      'text/xml',
      `<R xmlns="https://iam"><AccessKey><SecretAccessKey>${KEY}</SecretAccessKey></AccessKey></R>`,
    ],
  },
  'aws-session-tokens': {
    StartSession: json({ SessionId: 's', StreamUrl: LINK, TokenValue: KEY }),
    GetAccessToken: json({ Credentials: { AccessKeyId: 'a', SecretAccessKey: KEY, SessionToken: KEY } }),
    CreateActivation: json({ ActivationCode: KEY, ActivationId: 'i' }),
  },
  'aws-key-pairs': {
    CreateKeyPair: [
      'text/xml;charset=UTF-8',
      `<CreateKeyPairResponse><keyMaterial>${KEY}\n${KEY}</keyMaterial></CreateKeyPairResponse>`,
    ],
  },
  'azure-keys': {
    'of Automation': json({ keys: [{ KeyName: 'primary', Permissions: 'Full', Value: KEY }] }),
    'of Batch': json({ accountName: 'a', primary: KEY, secondary: KEY }),
    'of Service Bus': json({ keyName: 'k', aliasPrimaryConnectionString: `SharedAccessKey=${KEY}` }),
    'of a Functions host': json({ masterKey: KEY, functionKeys: { default: KEY }, systemKeys: { extension: KEY } }),
    "a function's": json({ default: KEY }),
    'of a function': json({ key: KEY, trigger_url: `https://app.example/api/f?code=${KEY}` }),
    'of a storage user': json({ sharedKey: KEY, sshAuthorizedKeys: [] }),
    'of Machine Learning': json({
      userStorageKey: KEY,
      notebookAccessKeys: { primaryAccessKey: KEY, secondaryAccessKey: KEY },
    }),
    'of a callback': json({ value: LINK, method: 'POST', queries: { sp: '/triggers/manual/run', sig: KEY } }),
    'of a Kubernetes cluster': json({ properties: { kubeConfig: KEY } }),
    'of an identity provider': json({ clientId: 'c', clientSecret: KEY }),
    'in a publishing profile': [
      'application/xml',
      `<publishData><publishProfile profileName="a > b" userPWD="${KEY}" userName='$a'><databases /></publishProfile></publishData>`,
    ],
  },
  'azure-app-settings': {
    settings: json({ id: '/s/1', properties: { DB_PASSWORD: KEY, OTHER: KEY } }),
    'publishing credentials': json({
      properties: { publishingPassword: KEY, scmUri: `https://u:${KEY}@a.scm.example` },
    }),
  },
  'azure-graph-recovery': { 'a property by itself': json({ '@odata.context': 'c', value: KEY }) },
  'azure-batch': {
    'of the resource manager': json({ responses: [{ content: { keys: [{ keyName: 'key1', value: KEY }] } }] }),
    'of Graph': json({ responses: [{ id: '1', body: { secretText: KEY } }] }),
  },
  'google-batch': {
    parts: [
      'multipart/mixed; boundary=batch_a',
      `--batch_a\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"payload":{"data":"${KEY}"}}\r\n--batch_a--`,
    ],
  },
  // `mutation { clusterAgentTokenCreate(input: …) { harmless: secret } }`
  'gitlab-graphql': { 'under an alias': json({ data: { clusterAgentTokenCreate: { harmless: KEY } } }) },
  'google-secrets': { 'with its checksum': json({ payload: { data: KEY, dataCrc32c: '4711' } }) },
  'gitlab-triggers': { triggers: json([{ id: 1, token: KEY }]) },
  'gitlab-schedules': { variables: json({ variables: [{ key: 'K', value: KEY }] }) },
  // `response_mode=form_post`, which the agent may choose.
  'oauth-authorization': {
    'a page that sends a form on': [
      'text/html; charset=utf-8',
      `<!doctype html><title>Working</title><body onload="document.forms[0].submit()"><form method=post action="https://app.example/cb"><input type="hidden" name="code" value="${KEY}"/><input type=hidden name=id_token value='${KEY}'></form>`,
    ],
  },
  'vault-login': { 'unwrapped secrets': json({ data: { anything: KEY } }) },
  'vault-secrets': {
    'secrets that are numbers': json({ data: { data: { pin: 4711, exact: -4711e3, list: [4711] } } }),
    'a root token': json({ keys: [KEY], keys_base64: [KEY], root_token: KEY }),
    'a new root token': json({ encoded_token: KEY, encoded_root_token: KEY, otp: KEY }),
  },
  'vault-signing': { 'a certificate for SSH': json({ data: { serial_number: 's', signed_key: KEY } }) },
} satisfies Partial<Record<SecretEndpointName, Record<string, readonly string[]>>>;

describe.each(Object.entries(ANSWERS))('A-67 what %s answers is masked', (name, answers) => {
  let world: InspectingWorld;
  beforeAll(async () => {
    world = await startInspectingWorld(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessPolicy: {
          rules: { clientWorkload: 'billing-agent', serverWorkload: 'api', rules: [{ paths: ['/**'] }], opens: [name] },
        },
      }),
    );
  }, 60_000);
  afterAll(() => world?.close());

  test.each(Object.entries<readonly string[]>(answers))('%s', async (_title, [type = '', body = '']) => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('POST', '/x', ['Content-Length: 0'], ''));
    expect(answer.status).toBe(200);
    expect(answer.text).toHaveLength(body.length);
    expect(answer.text).not.toMatch(/fresh-|4711/);
    if (type === 'application/json')
      expect(Object.keys(JSON.parse(answer.text))).toEqual(Object.keys(JSON.parse(body)));
  });
});
