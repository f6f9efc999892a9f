import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HAS_IPV6 } from '../support/has-ipv6.ts';
import { runProcess } from '../support/process.ts';
import { startService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const hasFaketime = ((): boolean => {
  try {
    execFileSync('faketime', ['-f', '+1s', 'true']);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!existsSync('dist/sidekey.js'))('`sidekey proxy` by itself (needs dist/: npm run build)', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
    await world.writeEvidence(evidenceFile());
  });
  afterAll(() => world.close());

  const evidenceFile = (): string => join(world.folder, 'evidence');
  const link = (): string[] => [
    ...['--control-plane', world.controlPlane.grpcAddress],
    ...['--control-plane-ca', join(world.folder, 'control-plane-ca.pem')],
    ...['--evidence', `oidc=${evidenceFile()}`, '--listen', '127.0.0.1:0'],
  ];

  it('records what a second signal cuts', async () => {
    const [addressFile, caFile, admin] = ['address', 'alone-ca.pem', 'admin'].map((name) => join(world.folder, name));
    const files = ['--address-file', addressFile ?? '', '--ca-file', caFile ?? '', '--admin', admin ?? ''];
    const proxy = await startService(['proxy', ...link(), ...files], {}, () => existsSync(addressFile ?? ''));
    const ready = ['curl', '-sf', '--unix-socket', admin ?? '', 'http://admin/readyz'];
    await expect.poll(async () => (await runProcess(ready, process.env)).code, { timeout: 30_000 }).toBe(0);

    const through = ['--proxy', `http://${readFileSync(addressFile ?? '', 'utf8').trim()}`, '--cacert', caFile ?? ''];
    const agent = spawn('curl', ['-sN', ...through, `${world.api.url}/v1/stream?second-signal`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let bytes = 0;
    agent.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await until('the stream runs', () => bytes > 20);

    // Drains for 30 s.
    const ended = proxy.end('SIGINT');
    await expect.poll(async () => (await runProcess(ready, process.env)).code, { timeout: 30_000 }).not.toBe(0);
    await Promise.all([ended, proxy.end('SIGINT')]);
    const { body } = await world.rest('GET', '/v1/decisions?reason=draining');
    expect(body).toMatchObject({ decisions: [{ outcome: 'failed', path: '/v1/stream', status: 200 }] });
  }, 120_000);

  it.skipIf(!HAS_IPV6)('leaves an IPv6 address as it stands in a URL', async () => {
    const file = join(world.folder, 'address-ipv6');
    const listen = ['--listen', '[::1]:0', '--address-file', file];
    const proxy = await startService(['proxy', ...link(), ...listen], {}, () => existsSync(file));
    await proxy.end('SIGTERM');
    expect(readFileSync(file, 'utf8')).toMatch(/^\[::1\]:[0-9]+\n$/);
  });

  it.each([
    [219, /"openFiles":500,"maxConnections":219,"loweredTo":218,"msg":"too few files may be open/],
    [218, /^(?!.*openFiles)/s],
  ])('of 500 files it may open lowers maxConnections=%d, or does not', async (maxConnections, message) => {
    const command = ['sh', '-c', 'ulimit -n 500; exec "$@"', 'sh', process.execPath, 'dist/sidekey.js', 'proxy'];
    // Its port is taken, so that it ends at once.
    const taken = ['--listen', world.controlPlane.grpcAddress, '--limit', `maxConnections=${maxConnections}`];
    const end = await runProcess([...command, ...link(), ...taken], { PATH: process.env['PATH'] });
    expect(end.stderr).toContain('cannot listen');
    expect(end.stderr).toMatch(message);
  });

  it.skipIf(!hasFaketime).each([
    ['+5m', /its time is (299|300|301) s ahead of the clock here: compare the clocks of proxy and control plane/],
    ['-90s', /its time is (89|90|91) s behind the clock here/],
    ['-400d', /"hint":"compare this machine's clock with that of the control plane"/],
  ])(
    'names the clock when its own is %s from the right one (needs faketime)',
    async (offset, message) => {
      const command = [process.execPath, 'dist/sidekey.js', 'proxy', ...link()];
      const child = spawn('faketime', ['-f', offset, ...command], {
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text: Buffer) => (output += text.toString()));
      try {
        await until('attestation fails', () => output.includes('attestation failed'), 60_000);
      } finally {
        // faketime waits for the proxy, which would outlive it.
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      }
      expect(output).toMatch(message);
    },
    90_000,
  );
});
