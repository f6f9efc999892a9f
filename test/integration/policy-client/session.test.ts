import { describe, expect, it } from 'vitest';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { question, ROUTE } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

const link = useLinkedClients();

describe('session', () => {
  it('attests with proof of its key and takes routes from the first snapshot', async () => {
    const client = await link.readyClient();
    expect(client.connected).toBe(true);
    expect(client.session()).toMatchObject({ workloads: ['agent'], user: undefined, claims: { local: { uid: 1000 } } });
    expect(client.routes()).toEqual([ROUTE]);
    expect(link.plane.attests[0]).toMatchObject({ tenant: 'acme', instanceId: client.instanceId });
  });

  it('never trusts another certificate authority', async () => {
    const client = await link.startClient({ caPem: new FakeControlPlaneOfAnotherAuthority().pem });
    await until('an attestation failed', () => client.stats().attestationFailures > 0);
    expect(link.plane.attests).toEqual([]);
    expect(client.connected).toBe(false);
  });

  it('denies with the reason that the attestation was refused for, and tries on', async () => {
    link.plane.refuseAttest = 'workload-unknown';
    const client = await link.startClient({ limits: { minBackoffMs: 5, maxBackoffMs: 10, reconnectGraceMs: 50 } });
    // A slow machine may answer `not-ready` before the first refusal has come.
    await expect
      .poll(async () => client.authorize(question()), { timeout: 10_000 })
      .toMatchObject({ kind: 'denial', reason: 'workload-unknown' });
    link.plane.refuseAttest = undefined;
    await client.ready;
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('tells of a refusal once, and of the next one for another reason or behind a session', async () => {
    const told: unknown[] = [];
    const warn = (fields: object, text: string) => text === 'attestation failed' && told.push(fields);
    const log = { info: () => {}, warn, error: () => {} };
    link.plane.refuseAttest = 'workload-revoked';
    const client = await link.startClient({ log, limits: { minBackoffMs: 5, maxBackoffMs: 10 } });
    const failures = async (more: number): Promise<void> => {
      const sofar = client.stats().attestationFailures;
      await until('it was refused again', () => client.stats().attestationFailures >= sofar + more);
    };
    await failures(3);
    expect(told).toMatchObject([{ reason: 'workload-revoked' }]);
    link.plane.refuseAttest = 'workload-unknown';
    await failures(3);
    expect(told).toMatchObject([{ reason: 'workload-revoked' }, { reason: 'workload-unknown' }]);
    link.plane.renewAfterMs = 100;
    link.plane.refuseAttest = undefined;
    await client.ready;
    link.plane.refuseAttest = 'workload-unknown';
    await failures(3);
    expect(told).toMatchObject(['revoked', 'unknown', 'unknown'].map((what) => ({ reason: `workload-${what}` })));
  });

  it('leaves a control plane alone for long that has too many to attest', async () => {
    link.plane.refuseAttest = 'overloaded';
    const limits = { minBackoffMs: 1, maxBackoffMs: 1_000_000_000, reconnectGraceMs: 20 };
    const client = await link.startClient({ limits });
    await until('an attestation failed', () => client.stats().attestationFailures === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(client.stats()).toMatchObject({ attestationFailures: 1, lastFailure: 'overloaded' });
  });

  it('renews ahead of the end without a gap', async () => {
    link.plane.renewAfterMs = 300;
    const client = await link.readyClient();
    const first = client.session()?.id;
    const connections: boolean[] = [];
    client.onConnection((connected) => connections.push(connected));
    await until('a second session', () => client.session()?.id !== first);
    expect(connections).toEqual([]);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('ends with its time when it cannot be renewed', async () => {
    link.plane.sessionMs = 700;
    link.plane.renewAfterMs = 200;
    const client = await link.readyClient({ limits: { reconnectGraceMs: 20 } });
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    link.plane.refuseAttest = 'evidence-expired';
    await until('the session ended', () => client.session() === undefined);
    await until('the grace ended', () => 'kind' in client.authorize(question()));
    expect(client.authorize(question())).toMatchObject({ kind: 'denial' });
  });

  it('attests again when the control plane has forgotten the session', async () => {
    const client = await link.readyClient();
    link.plane.stop();
    link.plane.sessions.clear();
    await link.plane.start();
    await until('a second attestation', () => client.stats().attestations === 2 && client.connected);
  });
});

class FakeControlPlaneOfAnotherAuthority {
  // Any certificate that did not sign the fake's.
  readonly pem = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
`;
}
