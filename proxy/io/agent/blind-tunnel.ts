import type { Socket } from 'node:net';
import type { Authority } from '../../../common/net/host.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../../proto/reasons.ts';
import type { Call } from '../../http/call.ts';
import { UNROUTED } from '../../http/request/route-table.ts';
import type { LiveExchange, ProxyServices } from '../../http/services.ts';
import { Refusal } from '../../refusal.ts';
import { relayBytes, type Relay } from '../byte-relay.ts';

/**
 * An opaque relay to a host that no route covers, where configuration says `tunnel`. It ends when the host gets a route,
 * and with every revocation that concerns this proxy's session, from before it is dialled. `established` is what the agent is
 * told once it stands, `rest` what it sent before.
 *
 * @throws Refusal before anything was sent to the agent
 */
export async function openBlindTunnel(
  services: ProxyServices,
  { socket: agent, call, established }: { socket: Socket; call: Call; established: Buffer },
  target: Authority,
  rest: Buffer,
): Promise<void> {
  const live = new LiveTunnel(services, call, target);
  services.live.add(live);
  let upstream: Socket | undefined;
  try {
    const dialled = await services.pool.openRaw(UNROUTED.dialTarget('http', target.host, target.port));
    upstream = dialled.socket;
    call.upstreamAddress = dialled.address;
    if (live.cutFor !== undefined) throw new Refusal(live.cutFor, 'the access ended while the host was dialled');
  } catch (error) {
    services.live.delete(live);
    upstream?.destroy();
    throw error;
  }
  if (agent.destroyed) {
    services.live.delete(live);
    upstream.destroy();
    return services.ended(call, Outcome.OUTCOME_FAILED, 'agent-closed');
  }
  call.status = 200;
  if (established.length > 0) agent.write(established);
  if (rest.length > 0) upstream.write(rest);
  live.relay = relayBytes(agent, upstream, services.limits.bodyIdleTimeoutMs, ({ sent, received, reason }) => {
    services.live.delete(live);
    call.requestBytes = sent + rest.length;
    call.responseBytes = received;
    services.ended(call, reason === 'ok' ? Outcome.OUTCOME_ALLOWED : Outcome.OUTCOME_FAILED, reason);
  });
}

/** A tunnel that is being opened or stands, as what can cut it sees it. */
class LiveTunnel implements LiveExchange {
  readonly call: Call;
  readonly standing = { grant: undefined, leaseEndsAt: Number.POSITIVE_INFINITY };
  readonly deadlineAt = Number.POSITIVE_INFINITY;
  /** Undefined while it is being opened. */
  relay: Relay | undefined;
  /** Looked for once it was dialled; behind that the relay is told. */
  cutFor: Reason | undefined;
  seat = -1;
  readonly #services: ProxyServices;
  readonly #target: Authority;

  constructor(services: ProxyServices, call: Call, target: Authority) {
    this.#services = services;
    this.call = call;
    call.session = services.client.session();
    this.#target = target;
  }

  cut(reason: Reason): void {
    this.cutFor ??= reason;
    this.relay?.cut(reason);
  }

  expire(): void {
    this.cut('upstream-timeout');
  }

  reauthorize(): void {
    const { host, port } = this.#target;
    if (this.#services.routes.find(host, port) !== undefined) this.cut('no-policy');
  }
}
