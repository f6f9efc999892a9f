import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { type DpopResource, startDpopResource } from '../../support/dpop-resource.ts';
import { type InjectingWorld, startInjectingWorld } from '../../support/injecting-world.ts';

let resource: DpopResource | undefined;
let injecting: InjectingWorld | undefined;
afterEach(async () => {
  await injecting?.close();
  await resource?.close();
});

/** What the resource says to the token alone, which shows that it checks proofs. */
async function withoutProof({ url, caPem, accessToken }: DpopResource): Promise<number> {
  const dispatcher = new Agent({ connect: { ca: caPem } });
  const answer = await request(`${url}/me`, { dispatcher, headers: { authorization: `DPoP ${accessToken}` } });
  await answer.body.dump();
  await dispatcher.close();
  return answer.statusCode;
}

describe.each([
  ['with proofs alone', false],
  ['that demands its nonce', true],
])('a real provider %s', (_what, wantsNonce) => {
  it('takes each call of an agent that has neither token nor key', { timeout: 180_000 }, async () => {
    resource = await startDpopResource(wantsNonce);
    const { accessToken, privateKey, url } = resource;
    expect(await withoutProof(resource)).toBe(400);
    injecting = await startInjectingWorld(
      resource,
      { bound: JSON.stringify({ accessToken, privateKey }) },
      { dpop: { paths: ['/me'], credentials: [{ provider: 'bound', inject: { type: 'dpop' } }] } },
    );
    for (let call = 0; call < 3; call += 1) {
      const answer = await injecting.fetch(`${url}/me?call=${call}`);
      expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 200, body: { sub: 'alice' } });
    }
    const posted = await injecting.fetch(`${url}/me`, { method: 'POST' });
    expect(await posted.json()).toEqual({ sub: 'alice' });
  });
});
