import { startProxy } from '../../proxy/main.ts';
import type { Evidence, EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { serveParent } from '../child.ts';

/** The proxy as shipped, with records, metrics and scrubbing on, against a real control plane in another process. */
interface Config {
  readonly controlPlane: { address: string; caPem: string; tenant: string };
  readonly evidenceToken: string;
  readonly caFile: string;
  readonly spoolDir: string;
  readonly upstreamCaPem: string;
  /** Where redirected connections arrive, when this proxy knows how to take them. */
  readonly transparentPort: number;
}

// By number: its generated name would bring a second gRPC into this process.
const WORKLOAD: typeof EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD = 1;

serveParent<Config>(async (config) => {
  const transparent = { transparent: [{ host: '127.0.0.1', port: config.transparentPort }] };
  const proxy = await startProxy({
    controlPlane: config.controlPlane,
    evidence: async (): Promise<Evidence[]> => [
      { kind: 'oidc', token: Buffer.from(config.evidenceToken), subject: WORKLOAD },
    ],
    listen: { host: '127.0.0.1', port: 0 },
    authority: 'local',
    unrouted: 'deny',
    upstreamCaPem: config.upstreamCaPem,
    caFile: config.caFile,
    spoolDir: config.spoolDir,
    logLevel: 'warn',
    ...transparent,
  });
  await proxy.ready;
  return { proxy: proxy.address.port };
});
