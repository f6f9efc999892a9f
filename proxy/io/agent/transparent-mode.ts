import type { Socket } from 'node:net';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { Call } from '../../http/call.ts';
import type { AgentServices } from './agent-sessions.ts';
import { openAddressTunnel } from './tunnel.ts';
import type { Authority } from '../../../common/net/host.ts';

const NOTHING = Buffer.alloc(0);

/** Serves an agent that believes to be connected to `original`. */
export function serveTransparent(services: AgentServices, socket: Socket, original: Authority): void {
  // A refusal before the agent has spoken could be in the wrong protocol: it sees its connection close.
  const tunnel = { socket, call: new Call('CONNECT'), established: NOTHING, refusal: () => NOTHING };
  openAddressTunnel(services, tunnel, original, NOTHING);
}

/** Nobody redirected this connection: answering it would make the proxy call itself. */
export function refuseDirect(services: AgentServices, socket: Socket): void {
  socket.destroy();
  services.ended(new Call('CONNECT'), Outcome.OUTCOME_DENIED, 'loop-refused');
}
