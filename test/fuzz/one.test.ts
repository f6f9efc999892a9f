import { test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { compileScrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
test('x', () => {
  const s = compileScrubber([new Secret(process.env['S']!)])!;
  const t = process.env['T']!;
  for (let n = 1; n <= t.length; n++) { const b = Buffer.from(t.slice(0, n)); console.log("PP", n, JSON.stringify(t.slice(0,n)), s.pendingFrom(b, 0, 0), JSON.stringify(s.findInBody(b, 0))); }
});
