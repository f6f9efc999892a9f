import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { webcrypto } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Agent, request } from 'undici';
import type { ControlPlaneConfig } from '../../control-plane/config.ts';
import { type ControlPlane, startControlPlane } from '../../control-plane/main.ts';

/** An issuer of Kubernetes service account tokens whose keys stand in the trust provider. */
export class TestCluster {
  readonly issuer = 'https://cluster.test';
  readonly #key: webcrypto.CryptoKey;
  readonly jwk: Record<string, unknown>;

  private constructor(key: webcrypto.CryptoKey, jwk: Record<string, unknown>) {
    this.#key = key;
    this.jwk = jwk;
  }

  static async create(): Promise<TestCluster> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    return new TestCluster(privateKey, { ...(await exportJWK(publicKey)), kid: 'cluster-1', alg: 'ES256' });
  }

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
}

/** A control plane with an in-memory database on free ports, and an administrator's way to it. */
export class TestControlPlane {
  readonly running: ControlPlane;
  readonly #dataDir: string;
  readonly #token: string;
  readonly #agent: Agent;
  readonly errors: unknown[];

  private constructor(running: ControlPlane, dataDir: string, token: string, errors: unknown[]) {
    this.running = running;
    this.#dataDir = dataDir;
    this.#token = token;
    this.errors = errors;
    this.#agent = new Agent({ connect: { ca: running.caPem } });
  }

  static async start(overrides: Partial<ControlPlaneConfig> = {}): Promise<TestControlPlane> {
    const dataDir = await mkdtemp(join(tmpdir(), 'sidekey-control-plane-'));
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

  /** One REST call as the bootstrap administrator. */
  async rest(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> {
    const answer = await request(`${this.running.restUrl}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
    await this.running.close();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
