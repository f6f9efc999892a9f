import { Secret } from '../../../common/secret.ts';
import type { DpopInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { asksForDpopNonce } from '../signing/dpop-nonces.ts';
import { makeDpopProof, prepareDpop as prepareSigning } from '../signing/dpop-proof.ts';
import { authorityOf, checkLength, type PreparedInjection } from './scheme.ts';

/** `Authorization: DPoP <token>` and a proof of the key that the token is bound to (RFC 9449 section 7.1). */
export function prepareDpop({ accessToken, privateKey }: DpopInjection): PreparedInjection {
  checkLength(accessToken);
  const signing = prepareSigning(new Secret(accessToken), new Secret(privateKey));
  return {
    // The key never travels, and a proof serves one request only.
    secrets: [signing.accessToken],
    isSecret: true,
    takesPlaceholder: false,
    signs: true,
    apply(draft) {
      const { method, headers, destination } = draft.request;
      const { scheme, host, port } = destination;
      const origin = `${scheme}://${host}:${port}`;
      const uri = `${scheme}://${authorityOf(destination)}${draft.path}`;
      draft.signatures.push({
        needsWholeBody: false,
        sign: ({ nowMs, nonce, dpopNonces }) => {
          const call = { method, uri, nonce: dpopNonces.get(origin), nowMs, jti: nonce() };
          headers.set('Authorization', `DPoP ${signing.accessToken.reveal()}`);
          headers.set('DPoP', makeDpopProof(signing, call));
          return undefined;
        },
        learn: (status, answer, { dpopNonces }) => {
          dpopNonces.note(origin, answer);
          return asksForDpopNonce(status, answer) && dpopNonces.get(origin) !== undefined;
        },
      });
    },
  };
}
