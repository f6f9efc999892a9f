import { startProxy } from '../../proxy/main.ts';
import type { Evidence } from '../../proto/gen/sidekey/v1/proxy.ts';
import { EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { serveParent } from '../child.ts';

/** The proxy as shipped, with records, metrics and scrubbing on, against a real control plane in another process. */
interface Config {
  readonly controlPlane: { address: string; caPem: string; tenant: string };
  readonly evidenceToken: string;
  readonly caFile: string;
  readonly upstreamCaPem: string;
  /** Where redirected connections arrive, when this proxy knows how to take them. */
  readonly transparentPort: number;
}

serveParent<Config>(async (config) => {
  const transparent = { transparent: [{ host: '127.0.0.1', port: config.transparentPort }] };
  const proxy = await startProxy({
    controlPlane: config.controlPlane,
    evidence: async (): Promise<Evidence[]> => [
      { kind: 'oidc', token: Buffer.from(config.evidenceToken), subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD },
    ],
    listen: { host: '127.0.0.1', port: 0 },
    authority: 'local',
    unrouted: 'deny',
    upstreamCaPem: config.upstreamCaPem,
    caFile: config.caFile,
    logLevel: 'warn',
    ...transparent,
  });
  await proxy.ready;
  return { proxy: proxy.address.port };
});
