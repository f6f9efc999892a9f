import { randomUUID, sign, type KeyObject, createPublicKey } from 'node:crypto';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { VERSION } from '../../common/version.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { ChainedRecord, ChainHead } from '../../proto/gen/sidekey/v1/decision.ts';
import { Grant, Revocation } from '../../proto/gen/sidekey/v1/grant.ts';
import {
  AttestResponse,
  ProxyServiceService,
  Snapshot,
  WatchEvent,
  type AttestRequest,
  type AuthorizeRequest,
  type AuthorizeResponse,
  type ReportDecisionsRequest,
  type ReportDecisionsResponse,
  type WatchRequest,
  type WatchResponse,
} from '../../proto/gen/sidekey/v1/proxy.ts';
import { makeLocalhostCertificate } from './control-plane-tls.ts';
import { emptyHead } from '../../control-plane/audit/chain.ts';
import { checkProof } from './dpop.ts';
import { createSigningKey } from '../../common/signing-key.ts';

const { certPem, keyPem } = makeLocalhostCertificate();

type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;
type AskCall = ServerDuplexStream<AuthorizeRequest, AuthorizeResponse>;
type ReportCall = ServerDuplexStream<ReportDecisionsRequest, ReportDecisionsResponse>;
type Outcome = AuthorizeResponse['outcome'];

/** A control plane on real gRPC and TLS whose every answer the test sets through fields. */
export class FakeControlPlane {
  readonly caPem = certPem;
  tenant = 'acme';
  sessionMs = 60_000;
  renewAfterMs = 30_000;
  heartbeatMs = 1_000;
  policyVersion = 1;
  /** Its release. */
  version = VERSION;
  snapshot: Partial<Snapshot> = {};
  attestResponse: Partial<AttestResponse> = {};
  /** Attest fails with this. */
  refuseAttest: Reason | undefined;
  refuseWatch: Reason | undefined;
  /** Decides on a question; undefined leaves it unanswered. */
  decide: (request: AuthorizeRequest, sessionId: string) => Outcome | Promise<Outcome> = (request, sessionId) => ({
    $case: 'grant',
    value: this.grantFor(request, sessionId),
  });
  acknowledge = true;
  acknowledgeAfterMs = 0;
  /** Takes no records, as they do not continue what it has. */
  refuseRecords = false;
  /** Holds chains up to here only, until a proxy says that it knows. */
  holdsOnly: ChainHead | undefined;
  beat = true;
  /** Changes each event before it is sent, after it was signed. */
  tamper: (response: WatchResponse) => WatchResponse = (response) => response;

  readonly attests: AttestRequest[] = [];
  readonly questions: AuthorizeRequest[] = [];
  readonly records: ChainedRecord[] = [];
  /** What a proxy said of `holdsOnly`. */
  readonly knownGaps: ChainHead[] = [];
  recordMessages = 0;
  readonly sessions = new Map<string, { readonly id: string; readonly proxyKey: Buffer }>();
  readonly watches = new Map<WatchCall, { readonly sessionId: string; sequence: number }>();
  readonly asks = new Set<AskCall>();
  readonly reports = new Set<ReportCall>();
  readonly #eventKey: KeyObject;
  readonly #eventJwk: string;
  readonly #instanceBySession = new Map<string, string>();
  readonly #headByInstance = new Map<string, ChainHead>();
  readonly #proofIds = new Set<string>();
  #server: Server | undefined;
  #port = 0;
  #heart: NodeJS.Timeout | undefined;

  constructor() {
    this.#eventKey = createSigningKey();
    this.#eventJwk = JSON.stringify(createPublicKey(this.#eventKey).export({ format: 'jwk' }));
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = new Server();
    server.addService(ProxyServiceService, {
      attest: (call: ServerUnaryCall<AttestRequest, AttestResponse>, reply: sendUnaryData<AttestResponse>) =>
        this.#attest(call, reply),
      watch: (call: WatchCall) => this.#watch(call),
      authorize: (call: AskCall) => this.#authorize(call),
      reportDecisions: (call: ReportCall) => this.#report(call),
    });
    const tls = ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) },
    ]);
    this.#port = await new Promise((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.#port}`, tls, (error, port) => (error ? reject(error) : resolve(port)));
    });
    this.#server = server;
    this.#heart = setInterval(() => this.#beat(), this.heartbeatMs);
  }

  /** Kills every connection; `start` comes back on the same port. */
  stop(): void {
    clearInterval(this.#heart);
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.watches.clear();
    this.asks.clear();
    this.reports.clear();
  }

  /** A grant that answers this question, cached for a minute. */
  grantFor(request: AuthorizeRequest, sessionId: string, changes: Partial<Grant> = {}): Grant {
    return Grant.fromPartial({
      id: randomUUID(),
      binding: {
        sessionId,
        workloads: ['agent'],
        serverWorkload: 'api',
        destination: request.destination,
        method: request.http?.method ?? '',
        path: request.http?.path ?? '',
      },
      injections: [{ kind: { $case: 'bearer', value: { token: Buffer.from('s3cret-token') } } }],
      notAfter: new Date(Date.now() + 60_000),
      cacheLease: { seconds: 60, nanos: 0 },
      policyVersion: this.policyVersion,
      accessPolicy: 'agent-to-api',
      credentialProvider: 'api-token',
      credentialProviders: ['api-token'],
      ...changes,
    });
  }

  sendSnapshot(): void {
    for (const call of this.watches.keys()) this.#send(call, { $case: 'snapshot', value: this.#makeSnapshot() });
  }

  revoke(revocation: Partial<Revocation>): void {
    const value = Revocation.fromPartial({ id: randomUUID(), at: new Date(), ...revocation });
    for (const call of this.watches.keys()) this.#send(call, { $case: 'revocation', value });
  }

  /** Ends every watch, or Authorize stream, as a control plane does whose session gate has changed its mind. */
  end(calls: 'watches' | 'asks', reason: Reason, code = status.PERMISSION_DENIED): void {
    for (const call of [...this[calls].keys()]) call.emit('error', refusal(reason, code));
  }

  /** Sends any event, such as one with a wrong sequence, on every watch. */
  sendEvent(changes: Partial<WatchEvent>): void {
    for (const call of this.watches.keys()) {
      this.#send(call, { $case: 'heartbeat', value: { at: new Date(), interval: undefined } }, changes);
    }
  }

  #makeSnapshot(): Snapshot {
    return Snapshot.fromPartial({
      policyVersion: this.policyVersion,
      controlPlaneVersion: this.version,
      ...this.snapshot,
    });
  }

  #beat(): void {
    if (!this.beat) return;
    const interval = { seconds: Math.floor(this.heartbeatMs / 1_000), nanos: (this.heartbeatMs % 1_000) * 1_000_000 };
    for (const call of this.watches.keys()) {
      this.#send(call, { $case: 'heartbeat', value: { at: new Date(), interval } });
    }
  }

  #send(call: WatchCall, kind: WatchEvent['kind'], changes: Partial<WatchEvent> = {}): void {
    const watch = this.watches.get(call);
    if (watch === undefined) return;
    watch.sequence += 1;
    const { sessionId, sequence } = watch;
    const event = Buffer.from(WatchEvent.encode({ sessionId, sequence, kind, ...changes }).finish());
    const signature = sign('sha256', event, { key: this.#eventKey, dsaEncoding: 'ieee-p1363' });
    call.write(this.tamper({ event, signature, keyId: 'k1' }));
  }

  #attest({ request }: ServerUnaryCall<AttestRequest, AttestResponse>, reply: sendUnaryData<AttestResponse>): void {
    this.attests.push(request);
    if (this.refuseAttest !== undefined) return reply(refusal(this.refuseAttest, status.PERMISSION_DENIED));
    const tokens = Buffer.concat(request.evidence.map(({ token }) => token));
    const wrong = checkProof(request.proof, request.proxyKey, ProxyServiceService.attest.path, tokens, this.#proofIds);
    if (wrong !== undefined) return reply(refusal(wrong));
    const id = randomUUID();
    const token = `token-${id}`;
    this.sessions.set(token, { id, proxyKey: request.proxyKey });
    this.#instanceBySession.set(id, request.instanceId);
    const now = Date.now();
    reply(
      null,
      AttestResponse.fromPartial({
        sessionId: id,
        sessionToken: token,
        notAfter: new Date(now + this.sessionMs),
        renewAfter: new Date(now + this.renewAfterMs),
        workloads: ['agent'],
        claimsJson: '{"local":{"uid":1000}}',
        eventKeyJson: this.#eventJwk,
        eventKeyId: 'k1',
        controlPlaneVersion: this.version,
        ...this.attestResponse,
      }),
    );
  }

  /** The session that this call proves, or undefined after it was refused. */
  #admit(
    call: { readonly metadata: Metadata; emit(event: 'error', error: Error): unknown },
    path: string,
  ): string | undefined {
    const token = String(call.metadata.get('authorization')[0] ?? '').replace(/^DPoP /, '');
    const session = this.sessions.get(token);
    const proof = String(call.metadata.get('dpop')[0] ?? '');
    const wrong =
      session === undefined ? 'session-invalid' : checkProof(proof, session.proxyKey, path, token, this.#proofIds);
    if (wrong === undefined) return session?.id;
    call.emit('error', refusal(wrong));
    return undefined;
  }

  #watch(call: WatchCall): void {
    const sessionId = this.#admit(call, ProxyServiceService.watch.path);
    if (sessionId === undefined) return;
    if (this.refuseWatch !== undefined) return void call.emit('error', refusal(this.refuseWatch));
    this.watches.set(call, { sessionId, sequence: 0 });
    call.on('error', () => this.watches.delete(call));
    call.on('cancelled', () => this.watches.delete(call));
    this.#send(call, { $case: 'snapshot', value: this.#makeSnapshot() });
  }

  #authorize(call: AskCall): void {
    const sessionId = this.#admit(call, ProxyServiceService.authorize.path);
    if (sessionId === undefined) return;
    this.asks.add(call);
    call.on('data', (request: AuthorizeRequest) => {
      this.questions.push(request);
      void Promise.resolve(this.decide(request, sessionId)).then((outcome) => {
        if (outcome !== undefined && this.asks.has(call)) call.write({ id: request.id, outcome });
      });
    });
    call.on('error', () => this.asks.delete(call));
    call.on('cancelled', () => this.asks.delete(call));
    call.on('end', () => call.end());
  }

  #report(call: ReportCall): void {
    const sessionId = this.#admit(call, ProxyServiceService.reportDecisions.path);
    if (sessionId === undefined) return;
    const instanceId = this.#instanceBySession.get(sessionId) ?? '';
    this.reports.add(call);
    call.on('data', ({ missingAfter, records }: ReportDecisionsRequest) => {
      const stored = this.#headByInstance.get(instanceId) ?? emptyHead(instanceId);
      const held = this.holdsOnly ?? (records.length === 0 ? stored : undefined);
      if (held !== undefined && missingAfter === undefined) {
        call.write({ ackedSequence: held.sequence, held });
        if (records.length > 0) call.emit('error', refusal('bad-request', status.FAILED_PRECONDITION));
        return;
      }
      if (missingAfter !== undefined) this.knownGaps.push(missingAfter);
      this.records.push(...records);
      this.recordMessages += 1;
      if (this.refuseRecords) call.emit('error', refusal('bad-request', status.FAILED_PRECONDITION));
      const last = records.at(-1);
      if (this.refuseRecords || !this.acknowledge || last === undefined) return;
      this.#headByInstance.set(instanceId, last);
      const write = () => this.reports.has(call) && call.write({ ackedSequence: last.sequence, held: undefined });
      if (this.acknowledgeAfterMs === 0) write();
      else setTimeout(write, this.acknowledgeAfterMs).unref();
    });
    call.on('error', () => this.reports.delete(call));
    call.on('cancelled', () => this.reports.delete(call));
    call.on('end', () => call.end());
  }
}

function refusal(reason: Reason, code: status = status.UNAUTHENTICATED) {
  const metadata = new Metadata();
  metadata.set('sidekey-reason', reason);
  return Object.assign(new Error('refused'), { code, details: 'refused', metadata });
}
