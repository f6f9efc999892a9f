import type { Writable } from 'node:stream';
import * as ws from 'ws';

type ReceiverClass = new (options: { isServer: boolean; extensions: Record<string, unknown> }) => Writable;
type DeflateClass = new (options: object, isServer: boolean) => { accept(offers: readonly object[]): unknown };
// Exported by `ws`, but not in its types.
const { Receiver, PerMessageDeflate } = ws as unknown as { Receiver: ReceiverClass; PerMessageDeflate: DeflateClass };

function deflating(): Record<string, unknown> {
  const deflate = new PerMessageDeflate({}, true);
  deflate.accept([{}]);
  return { 'permessage-deflate': deflate };
}

/** What the receiver of `ws`, as a server, makes of these bytes: the messages before it closed or failed. */
export async function hearAsWs(bytes: Buffer, deflates = false): Promise<{ said: string[]; failed: boolean }> {
  const receiver = new Receiver({ isServer: true, extensions: deflates ? deflating() : {} });
  const said: string[] = [];
  let failed = false;
  receiver.on('message', (message: Buffer, isBinary: boolean) => {
    said.push(`${isBinary ? 'binary' : 'text'} ${Buffer.from(message).toString('latin1')}`);
  });
  for (const type of ['ping', 'pong']) {
    receiver.on(type, (payload: Buffer) => said.push(`${type} ${payload.toString('latin1')}`));
  }
  receiver.on('error', () => (failed = true));
  // The callback comes once everything was read, or never after a Close.
  await new Promise<void>((resolve) => {
    receiver.on('conclude', () => resolve());
    receiver.write(bytes, () => resolve());
  });
  return { said, failed };
}
