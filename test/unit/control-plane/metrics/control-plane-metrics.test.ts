import { expect, it } from 'vitest';
import { ControlPlaneMetrics } from '../../../../control-plane/metrics/control-plane-metrics.ts';

/** Every series of the control plane's own but those of buckets, and of these the bounds that hold something. */
async function told(metrics: ControlPlaneMetrics): Promise<string[]> {
  const text = await (await metrics.registry()).metrics();
  return text
    .split('\n')
    .filter((line) => line.startsWith('sidekey_control_plane_') && !line.includes('_bucket'))
    .map((line) => line.slice('sidekey_control_plane_'.length))
    .filter((line) => !line.endsWith(' 0'));
}

it('tells what happened, times in seconds', async () => {
  const metrics = new ControlPlaneMetrics();
  expect(await told(metrics)).toEqual([]);
  for (const reason of ['ok', 'ok', 'workload-unknown'] as const) metrics.attested(reason);
  metrics.answered('ok', 250);
  metrics.answered('no-policy', 500);
  metrics.minted('static', 'made');
  metrics.minted('static', 'failed');
  metrics.minted('static', 'made');
  metrics.tokenRequested('refused', 1_500);
  metrics.recordsStored(3, 2_000);
  // A proxy whose clock is ahead.
  metrics.recordsStored(4, -1_000);
  metrics.revoked('user');
  metrics.revocationTold(125);
  metrics.transactionEnded(750);
  metrics.transactionFailed('unavailable');
  metrics.failed();
  metrics.failed();
  expect((await told(metrics)).sort()).toEqual(
    [
      'attestations_total{reason="ok"} 2',
      'attestations_total{reason="workload-unknown"} 1',
      'authorizations_total{reason="ok"} 1',
      'authorizations_total{reason="no-policy"} 1',
      'authorization_seconds_sum 0.75',
      'authorization_seconds_count 2',
      'credentials_total{type="static",outcome="made"} 2',
      'credentials_total{type="static",outcome="failed"} 1',
      'token_requests_total{outcome="refused"} 1',
      'token_request_seconds_sum 1.5',
      'token_request_seconds_count 1',
      'records_total 7',
      'record_lag_seconds_sum 2',
      'record_lag_seconds_count 2',
      'revocations_total{target="user"} 1',
      'revocation_push_seconds_sum 0.125',
      'revocation_push_seconds_count 1',
      'store_transaction_seconds_sum 0.75',
      'store_transaction_seconds_count 1',
      'store_errors_total{kind="unavailable"} 1',
      'errors_total 2',
    ].sort(),
  );
});

it('tells what is held at the time that somebody asks', async () => {
  const metrics = new ControlPlaneMetrics();
  const held = { watches: 1, authorizeStreams: 2, recordStreams: 3, sessions: 4, tenants: 5 };
  const use = { open: 6, idle: 7, waiting: 8 };
  metrics.follow({
    watches: () => held.watches,
    authorizeStreams: () => held.authorizeStreams,
    recordStreams: () => held.recordStreams,
    sessions: () => held.sessions,
    tenants: () => held.tenants,
    connections: () => use,
    certificateEnd: () => 10_500,
    faultyFiles: () => 11,
  });
  const expected = (proxies: number): string[] => [
    `proxies ${proxies}`,
    'authorize_streams 2',
    'record_streams 3',
    'sessions 4',
    'tenants 5',
    'store_connections 6',
    'store_connections_idle 7',
    'store_waiting 8',
    'certificate_end_timestamp_seconds 10.5',
    'files_faulty 11',
  ];
  expect(await told(metrics)).toEqual(expected(1));
  held.watches = 9;
  expect(await told(metrics)).toEqual(expected(9));
});
