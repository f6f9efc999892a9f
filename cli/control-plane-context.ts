import { writeWhole } from './whole-file.ts';

/** Where a control plane on this machine can be found; never holds the token itself. */
export interface ControlPlaneContext {
  readonly server: string;
  readonly grpc: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly tenant: string;
}

/** Leaves the context for other commands on this machine; whole or not at all. */
export function writeContext(file: string, context: ControlPlaneContext): void {
  writeWhole(file, `${JSON.stringify(context, undefined, 2)}\n`, 0o600);
}
