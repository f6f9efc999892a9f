import { createPublicKey, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { build } from 'esbuild';
import { runProcess } from '../../support/process.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

test('is a P-256 key that signs', () => {
  const key = createSigningKey();
  expect(key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  const data = Buffer.from('said');
  expect(verify('sha256', data, createPublicKey(key), sign('sha256', data, key))).toBe(true);
});

// With generateKeyPairSync()'s own objects Node 20.20.2 stood after some 2,000 of them.
test('4,000 keys are made and shown as JWKs, however often the collector comes between', {
  timeout: 120_000,
}, async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { createSigningKey } from './common/signing-key.ts';
        for (let i = 0; i < 4_000; i += 1) createSigningKey().export({ format: 'jwk' });
        console.log('done');`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    platform: 'node',
    write: false,
  });
  const script = outputFiles[0]?.text ?? '';
  const end = await runProcess([process.execPath, '--max-semi-space-size=1', '-e', script], {}, { timeoutMs: 100_000 });
  expect(end).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
});
