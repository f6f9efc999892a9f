import { EventEmitter } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { DecisionWriter } from '../../../../../control-plane/audit/decision-writer.ts';
import { ProxyService, type ProxyServiceOptions } from '../../../../../control-plane/api/grpc/proxy-service.ts';
import type { AuthorizeCall } from '../../../../../control-plane/api/grpc/authorize-stream.ts';
import type { WatchCall } from '../../../../../control-plane/api/grpc/watch.ts';
import { IDLE_METER } from '../../../../fakes/proxy-meter.ts';
import { createSigningKey } from '../../../../../common/signing-key.ts';

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
        find: () => ({ id: 'k', privateKey: createSigningKey() }),
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
    const call = new FakeCall();
    const options = { gate: { enter: () => new Promise(() => undefined) } } as unknown as ProxyServiceOptions;
    const service = new ProxyService(options);
    const wanted = vi.spyOn(service.readAhead, 'next');
    service.handlers().authorize(call as unknown as AuthorizeCall);
    const http = { method: 'GET', path: '/', query: 'q'.repeat(1_500_000), headers: [], inspected: undefined };
    for (let id = 1; id <= 2; id += 1) call.emit('data', { id, destination: undefined, http, policyChange: '' });
    expect(wanted).toHaveBeenCalledTimes(2);
    call.emit('data', { id: 3, destination: undefined, http, policyChange: '' });
    expect(wanted).toHaveBeenCalledTimes(2);
  });
});

describe('ProxyService.reportDecisions', () => {
  it('takes no further message while its answers are not read', async () => {
    let taken = 0;
    const call = Object.assign(new FakeCall(), {
      write: () => false,
      async *iterator() {
        for (;;) {
          taken += 1;
          yield { records: [], missingAfter: undefined };
        }
      },
    });
    const session = { ticket: { tenant: 'acme', id: 's', instanceId: 'i' } };
    const head = { sequence: 0, hash: Buffer.alloc(32) };
    vi.spyOn(DecisionWriter.prototype, 'head').mockResolvedValue(head);
    const options = { gate: { enter: async () => session } } as unknown as ProxyServiceOptions;
    const service = new ProxyService(options);
    service.handlers().reportDecisions(call as never);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(1);
    call.emit('drain');
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(2);
    call.emit('cancelled');
  });

  it.each([
    [2_000, ['stored']],
    [2_001, ['bad-request']],
  ])('stores no more than 2,000 records of one message: %i', async (count, expected) => {
    const told: unknown[] = [];
    const call = Object.assign(new FakeCall(), {
      end: () => undefined,
      iterator: async function* () {
        yield {
          records: Array.from({ length: count }, (_, at) => ({ sequence: at + 1, record: Buffer.alloc(0) })),
          missingAfter: undefined,
        };
      },
    });
    call.on('error', ({ metadata }: { metadata: Metadata }) => told.push(...metadata.get('sidekey-reason')));
    const options = {
      gate: { enter: async () => ({ ticket: { tenant: 'acme', instanceId: 'i', id: 's' } }) },
      store: { transaction: async () => told.push('stored') },
      meter: IDLE_METER,
    } as unknown as ProxyServiceOptions;
    type Report = Parameters<ReturnType<ProxyService['handlers']>['reportDecisions']>[0];
    new ProxyService(options).handlers().reportDecisions(call as unknown as Report);
    await vi.waitFor(() => expect(told).toEqual(expected));
  });
});
