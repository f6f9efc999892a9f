import { EventEmitter } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ProxyService, type ProxyServiceOptions } from '../../../../control-plane/api/proxy-service.ts';
import type { AuthorizeCall } from '../../../../control-plane/api/authorize-stream.ts';
import type { WatchCall } from '../../../../control-plane/api/watch.ts';

/** As much of a call as a watch uses before its first event. */
class FakeCall extends EventEmitter {
  readonly metadata = new Metadata();
  cancelled = false;
  destroyed = false;
  writableLength = 0;
  written = 0;
  write(): boolean {
    this.written += 1;
    return true;
  }
}

describe('ProxyService.watch', () => {
  it.each([true, false])('leaves nothing of a call that went while it was let in: %s', async (goes) => {
    const call = new FakeCall();
    let listeners = 0;
    const options = {
      clock: { now: () => Date.now() },
      heartbeatMs: 10_000,
      eventKeys: {
        find: () => ({ id: 'k', privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }),
      },
      gate: {
        enter: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          if (goes) {
            call.cancelled = true;
            call.emit('cancelled', 'cancelled');
          }
          return { ticket: { tenant: 'acme', notAfter: Date.now() + 60_000, id: 's' }, record: { eventKeyId: 'k' } };
        },
      },
      policies: {
        watch: () => {
          listeners += 1;
          return () => void (listeners -= 1);
        },
        get: () => new Promise(() => undefined),
      },
      onError: (error: unknown) => {
        throw error;
      },
    } as unknown as ProxyServiceOptions;
    const service = new ProxyService(options);
    service.handlers().watch(call as unknown as WatchCall);
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(listeners).toBe(goes ? 0 : 1);
    service.close();
    expect(listeners).toBe(0);
  });
});

describe('ProxyService.authorize', () => {
  it('reads no further while it holds too many bytes of questions', async () => {
    let paused = false;
    const call = Object.assign(new FakeCall(), {
      pause: () => (paused = true),
      resume: () => (paused = false),
      isPaused: () => paused,
    });
    const options = { gate: { enter: () => new Promise(() => undefined) } } as unknown as ProxyServiceOptions;
    new ProxyService(options).handlers().authorize(call as unknown as AuthorizeCall);
    const http = { method: 'GET', path: '/', query: 'q'.repeat(1_500_000), headers: [], inspected: undefined };
    for (let id = 1; id <= 2; id += 1) call.emit('data', { id, destination: undefined, http });
    expect(paused).toBe(false);
    call.emit('data', { id: 3, destination: undefined, http });
    expect(paused).toBe(true);
  });
});
