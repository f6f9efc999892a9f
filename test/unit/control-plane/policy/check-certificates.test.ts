import type * as nodeCrypto from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect, it, vi } from 'vitest';
import { checkResource } from '../../../../control-plane/policy/check-resource.ts';
import { type Resource, SPECS } from '../../../../control-plane/resources/kinds.ts';

const { read } = vi.hoisted(() => ({ read: vi.fn() }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof nodeCrypto>();
  class X509Certificate extends crypto.X509Certificate {
    constructor(pem: string | Buffer) {
      read();
      super(pem);
    }
  }
  return { ...crypto, X509Certificate };
});

function issuesOf(ca: string): string[] {
  const spec = SPECS.ServerWorkload.parse({ hosts: ['a.example.com'], tls: { ca } });
  const resource = { kind: 'ServerWorkload', metadata: { name: 'x', labels: {} }, spec } as unknown as Resource;
  return checkResource(resource, new Map()).map(({ field, message }) => `${field}: ${message}`);
}

it('reads a bundle of certificates that is good once, and a bad one each time', () => {
  const good = rootCertificates.slice(0, 3).join('\n');
  const bad = `${good}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`;
  expect([issuesOf(good), issuesOf(good)]).toEqual([[], []]);
  expect(read).toHaveBeenCalledTimes(3);
  const refused = ['spec.tls.ca: one of the certificates cannot be read'];
  expect([issuesOf(bad), issuesOf(bad)]).toEqual([refused, refused]);
  expect(read).toHaveBeenCalledTimes(3 + 2 * 4);
});
