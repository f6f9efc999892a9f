import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { publishProxy, publishWhenReady, readLocalProxy } from '../../../../cli/proxy/local-proxy.ts';
import { FakePolicyClient } from '../../../fakes/policy-client.ts';
import { withFolder } from '../../../support/folder.ts';

function fakeProxy(): Parameters<typeof publishWhenReady>[0] & { becomeReady(): Promise<void> } {
  let becomeReady = (): void => {};
  const ready = new Promise<void>((resolve) => (becomeReady = resolve));
  return {
    address: { host: '::1', port: 8080 },
    client: new FakePolicyClient(),
    ready,
    becomeReady: async () => {
      becomeReady();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('publishWhenReady', () => {
  it('leaves word once the proxy is ready, and takes it away', () =>
    withFolder(async (folder) => {
      const proxy = fakeProxy();
      const { stop } = publishWhenReady(proxy, folder);
      expect(existsSync(join(folder, 'proxy-url'))).toBe(false);
      await proxy.becomeReady();
      expect(existsSync(join(folder, 'proxy-url'))).toBe(true);
      stop();
      expect(readLocalProxy(folder)).toBeUndefined();
    }));

  it('leaves nothing when it becomes ready after it was stopped', () =>
    withFolder(async (folder) => {
      const proxy = fakeProxy();
      publishWhenReady(proxy, folder).stop();
      await proxy.becomeReady();
      expect(existsSync(join(folder, 'proxy-url'))).toBe(false);
    }));

  it('tells of a change that cannot be written, and writes it once it can be', () =>
    withFolder(async (folder) => {
      vi.useFakeTimers();
      const said = vi.spyOn(console, 'error').mockReturnValue();
      const proxy = fakeProxy();
      const client = new FakePolicyClient();
      const unpublish = publishProxy({ ...proxy, client }, folder);
      const file = join(folder, 'agent-variables.json');
      rmSync(file);
      mkdirSync(file);
      client.setRoutes([]);
      vi.advanceTimersByTime(15_000);
      expect(said).toHaveBeenCalledOnce();
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      expect(said).toHaveBeenCalledWith(expect.stringContaining(`policy said before: cannot write ${file}`));
      rmdirSync(file);
      vi.advanceTimersByTime(5_000);
      expect(statSync(file).isFile()).toBe(true);
      unpublish();
      vi.useRealTimers();
      said.mockRestore();
    }));

  it('tells of a folder that cannot be written', () =>
    withFolder(async (folder) => {
      const proxy = fakeProxy();
      mkdirSync(join(folder, 'agent-variables.json'));
      const { failure } = publishWhenReady(proxy, folder);
      const told = expect(failure).rejects.toThrow('agent-variables.json');
      await proxy.becomeReady();
      await told;
    }));
});
