import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

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
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(context, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}
