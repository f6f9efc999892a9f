import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPeerCredentials } from '../../../common/peer-credentials.ts';
import { withFolder } from '../../support/folder.ts';

describe.runIf(process.platform === 'linux')('who is at the other end of a socket', () => {
  it.runIf(process.getuid?.() === 0)('is a process with a user and a group of its own', async () => {
    // A name of no folder, which any user may connect to (unix(7), abstract).
    const path = `\0sidekey-peer-${process.pid}`;
    const server = net.createServer().listen(path);
    await once(server, 'listening');
    const dial = `require('net').connect(${JSON.stringify(path)}).on('error', () => {})`;
    const client = spawn(process.execPath, ['-e', dial], { uid: 54_321, gid: 54_322, stdio: 'ignore', cwd: '/' });
    try {
      const [accepted] = (await once(server, 'connection')) as [net.Socket];
      expect(loadPeerCredentials('a test')(accepted)).toEqual({ pid: client.pid, uid: 54_321, gid: 54_322 });
      accepted.destroy();
    } finally {
      client.kill('SIGKILL');
      server.close();
    }
  });

  it('is nobody where the kernel knows none, or refuses to say', async () => {
    await withFolder(async (folder) => {
      const dialled = net.connect(join(folder, 'nobody.sock')).on('error', () => {});
      expect(loadPeerCredentials('a test')(dialled)).toBeUndefined();
      dialled.destroy();
      const closed = { _handle: { fd: 1_000_000 } } as unknown as net.Socket;
      expect(loadPeerCredentials('a test')(closed)).toBeUndefined();
    });
  });
});
