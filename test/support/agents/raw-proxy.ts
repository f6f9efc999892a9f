import { randomUUID } from 'node:crypto';
import { ChannelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { VERSION } from '../../../common/version.ts';
import { ProofMaker } from '../../../policy-client/attest/proof.ts';
import type { ChainedRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import {
  type AttestRequest,
  type AttestResponse,
  type AuthorizeRequest,
  type AuthorizeResponse,
  EvidenceSubject,
  ProxyServiceClient,
  ProxyServiceService,
  type ReportDecisionsResponse,
  WatchEvent,
} from '../../../proto/gen/sidekey/v1/proxy.ts';

type Method = 'attest' | 'watch' | 'authorize' | 'reportDecisions';

/** A proxy's side of the contract with nothing kept from a test: it may send what a real proxy never would. */
export class RawProxy {
  proofs = new ProofMaker();
  instanceId = randomUUID();
  readonly client: ProxyServiceClient;
  session: AttestResponse | undefined;

  constructor(address: string, caPem: string) {
    this.client = new ProxyServiceClient(address, ChannelCredentials.createSsl(Buffer.from(caPem)));
  }

  attest(token: string, changes: Partial<AttestRequest> = {}): Promise<AttestResponse> {
    const evidence = [
      { kind: 'kubernetes', token: Buffer.from(token), subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD },
    ];
    const request: AttestRequest = {
      tenant: 'default',
      evidence,
      proxyKey: this.proofs.publicKeyDer,
      proof: this.proofs.make(ProxyServiceService.attest.path, token, Date.now()),
      instanceId: this.instanceId,
      proxyVersion: VERSION,
      wantCertificateAuthority: false,
      ...changes,
    };
    return new Promise((resolve, reject) => {
      this.client.attest(request, (error, response) => {
        if (error) return reject(error);
        this.session = response;
        resolve(response);
      });
    });
  }

  /** Metadata of a call under the session, with a fresh proof by this proxy's key. */
  metadata(method: Method): Metadata {
    const token = this.session?.sessionToken ?? '';
    const metadata = new Metadata();
    metadata.set('authorization', `DPoP ${token}`);
    metadata.set('dpop', this.proofs.make(ProxyServiceService[method].path, token, Date.now()));
    return metadata;
  }

  /** Opens a watch; `events` grows as they come, `ended` resolves with the error that ended it. */
  watch(): { events: WatchEvent[]; ended: Promise<ServiceError>; cancel: () => void } {
    const call = this.client.watch({ knownVersion: 0 }, this.metadata('watch'));
    const events: WatchEvent[] = [];
    call.on('data', (response: { event: Buffer }) => events.push(WatchEvent.decode(response.event)));
    const ended = new Promise<ServiceError>((resolve) => {
      call.once('error', (error) => resolve(error as ServiceError));
    });
    call.on('error', () => undefined);
    return { events, ended, cancel: () => call.cancel() };
  }

  /** One question on a stream of its own. */
  async ask(question: Partial<AuthorizeRequest>, metadata = this.metadata('authorize')): Promise<AuthorizeResponse> {
    const call = this.client.authorize(metadata);
    const answer = new Promise<AuthorizeResponse>((resolve, reject) => {
      call.once('data', resolve);
      call.on('error', reject);
    });
    call.write({
      id: 7,
      deadlineMs: 5_000,
      policyVersion: 0,
      policyChange: '',
      dryRun: false,
      destination: undefined,
      http: undefined,
      ...question,
    });
    return answer.finally(() => call.end());
  }

  /** Delivers these records on a stream of its own; gives the last sequence that is stored. */
  async report(records: ChainedRecord[]): Promise<number> {
    const call = this.client.reportDecisions(this.metadata('reportDecisions'));
    const answer = new Promise<number>((resolve, reject) => {
      call.once('data', ({ ackedSequence, held }: ReportDecisionsResponse) => held ?? resolve(ackedSequence));
      call.on('error', reject);
    });
    call.write({ records, missingAfter: undefined });
    return answer.finally(() => call.end());
  }

  /** Gives this proxy's key and session to another connection, as if it had reconnected there. */
  moveTo(other: RawProxy): RawProxy {
    other.proofs = this.proofs;
    other.instanceId = this.instanceId;
    other.session = this.session;
    return other;
  }

  close(): void {
    this.client.close();
  }
}

/** The reason code of a refused call. */
export function reasonOf(error: unknown): string | undefined {
  const metadata = typeof error === 'object' && error !== null && 'metadata' in error ? error.metadata : undefined;
  return metadata instanceof Metadata ? String(metadata.get('sidekey-reason')[0]) : undefined;
}
