import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Agent, request } from 'undici';
import { DescribedAnswers, type OpenApiDocument } from './described-answers.ts';
import type { ControlPlaneConfig } from '../../../control-plane/config.ts';
import { type ControlPlane, startControlPlane } from '../../../control-plane/main.ts';
import { type Evidence, EvidenceSubject } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

/** An issuer of Kubernetes service account tokens whose keys stand in the trust provider. */
export class TestCluster {
  readonly issuer = 'https://cluster.test';
  readonly #key = createSigningKey();
  readonly jwk = { ...createPublicKey(this.#key).export({ format: 'jwk' }), kid: 'cluster-1', alg: 'ES256' };

  /** A projected token of a service account. */
  token(namespace: string, serviceAccount: string, audience = 'sidekey'): Promise<string> {
    return new SignJWT({
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: serviceAccount, uid: 'sa-1' },
        pod: { name: `${serviceAccount}-0`, uid: 'pod-1' },
      },
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'cluster-1' })
      .setIssuer(this.issuer)
      .setAudience(audience)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(this.#key);
  }

  /** What a proxy of workload `billing` shows: a new token each time. */
  async billingEvidence(): Promise<Evidence> {
    const token = Buffer.from(await this.token('prod', 'billing'));
    return { kind: 'kubernetes', token, subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD };
  }
}

const apiVersion = 'sidekey.dev/v1';

/** A resource as `apply` takes it. */
export function resource(kind: string, name: string, spec: unknown): Record<string, unknown> {
  return { apiVersion, kind, metadata: { name }, spec };
}

/** Workload `billing` (namespace prod) may GET /v1/** of api.example.com with a static bearer credential. */
export function billingResources(cluster: TestCluster): Record<string, unknown>[] {
  return [
    resource('TrustProvider', 'cluster', {
      type: 'kubernetes',
      issuer: cluster.issuer,
      audience: 'sidekey',
      jwks: { inline: { keys: [cluster.jwk] } },
    }),
    resource('ClientWorkload', 'billing', {
      selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] },
    }),
    resource('ServerWorkload', 'api', { hosts: ['api.example.com'] }),
    resource('CredentialProvider', 'key', { type: 'static', secret: { value: 'top-secret-value' } }),
    resource('AccessPolicy', 'read', {
      clientWorkload: 'billing',
      serverWorkload: 'api',
      trust: ['cluster'],
      rules: [{ methods: ['GET'], paths: ['/v1/**'] }],
      credentials: [{ provider: 'key', inject: { type: 'bearer' } }],
      leaseSeconds: 20,
    }),
  ];
}

/** A control plane with an in-memory database on free ports, and an administrator's way to it. */
export class TestControlPlane {
  readonly running: ControlPlane;
  readonly #dataDir: string;
  readonly #token: string;
  readonly #agent: Agent;
  #described: DescribedAnswers | undefined;
  readonly errors: unknown[];

  private constructor(running: ControlPlane, dataDir: string, token: string, errors: unknown[]) {
    this.running = running;
    this.#dataDir = dataDir;
    this.#token = token;
    this.errors = errors;
    this.#agent = new Agent({ connect: { ca: running.caPem } });
  }

  static async start(overrides: Partial<ControlPlaneConfig> = {}): Promise<TestControlPlane> {
    const dataDir = overrides.dataDir ?? (await mkdtemp(join(tmpdir(), 'sidekey-control-plane-')));
    const errors: unknown[] = [];
    const running = await startControlPlane(
      {
        dataDir,
        inMemory: true,
        grpcListen: { host: '127.0.0.1', port: 0 },
        restListen: { host: '127.0.0.1', port: 0 },
        ...overrides,
      },
      { onError: (error) => errors.push(error) },
    );
    const token = (await readFile(running.bootstrapTokenFile, 'utf8')).trim();
    return new TestControlPlane(running, dataDir, token, errors);
  }

  /** One REST call, as the bootstrap administrator unless a token is given; its answer is held against the OpenAPI document. */
  async rest(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    token = this.#token,
  ): Promise<{ status: number; body: unknown }> {
    const { contentType, ...answer } = await this.#send(method, path, body, token);
    if (this.#described === undefined) {
      const document = await this.#send('GET', '/openapi.json', undefined, token);
      this.#described = new DescribedAnswers(document.body as OpenApiDocument);
    }
    this.#described.check({ method, url: path, contentType, ...answer });
    return answer;
  }

  /** Applies resources in a tenant; gives the status. */
  async applyTo(tenant: string, resources: unknown[]): Promise<number> {
    const headers = { 'sidekey-tenant': tenant };
    return (await this.#send('POST', '/v1/apply', { resources }, this.#token, headers)).status;
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    token: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; contentType: string | undefined; body: unknown }> {
    const answer = await request(`${this.running.restUrl}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${token}`,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    const contentType = answer.headers['content-type'];
    return {
      status: answer.statusCode,
      contentType: typeof contentType === 'string' ? contentType : undefined,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** Stops it but keeps its data folder, for another to start on. */
  async stop(): Promise<string> {
    await this.#agent.destroy();
    await this.running.close();
    return this.#dataDir;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
