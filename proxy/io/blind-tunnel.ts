import type { Socket } from 'node:net';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { Call } from '../http/call.ts';
import { Refusal } from '../http/refusal.ts';
import { UNROUTED } from '../http/route-table.ts';
import type { LiveExchange, ProxyServices } from '../http/services.ts';
import { relayBytes, type Relay } from './byte-relay.ts';

/**
 * An opaque relay to a host that no route covers, where configuration says `tunnel`. It ends when the host gets a route,
 * and with every revocation that concerns this proxy's session. `established` is what the agent is told once it stands, `rest`
 * what it sent before.
 *
 * @throws Refusal before anything was sent to the agent
 */
export async function openBlindTunnel(
  services: ProxyServices,
  { socket: agent, call, established }: { socket: Socket; call: Call; established: Buffer },
  rest: Buffer,
): Promise<void> {
  const { host, port } = call.destination ?? { host: '', port: 0 };
  const { socket: upstream, address } = await services.pool.openRaw(UNROUTED.dialTarget('http', host, port));
  call.upstreamAddress = address;
  const isGoverned = (): boolean => services.routes.find(host, port) !== undefined;
  if (agent.destroyed || isGoverned()) {
    upstream.destroy();
    if (!agent.destroyed) throw new Refusal('no-policy', 'policy covers this host by now: ask again');
    return services.ended(call, Outcome.OUTCOME_FAILED, 'agent-closed');
  }
  call.status = 200;
  if (established.length > 0) agent.write(established);
  if (rest.length > 0) upstream.write(rest);
  let cutFor: Reason | undefined;
  const relay: Relay = relayBytes(agent, upstream, services.limits.bodyIdleTimeoutMs, ({ sent, received, clean }) => {
    services.live.delete(live);
    call.requestBytes = sent + rest.length;
    call.responseBytes = received;
    if (cutFor !== undefined) services.ended(call, Outcome.OUTCOME_FAILED, cutFor);
    else if (clean) services.ended(call, Outcome.OUTCOME_ALLOWED, 'ok');
    else services.ended(call, Outcome.OUTCOME_FAILED, 'upstream-closed');
  });
  const cut = (reason: Reason): void => {
    cutFor ??= reason;
    relay.destroy();
  };
  const live: LiveExchange = {
    call,
    standing: { grant: undefined, leaseEndsAt: Number.POSITIVE_INFINITY },
    deadlineAt: Number.POSITIVE_INFINITY,
    cut,
    expire: () => cut('upstream-timeout'),
    reauthorize: () => {
      if (isGoverned()) cut('no-policy');
    },
  };
  services.live.add(live);
}
