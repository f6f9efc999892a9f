import { Secret } from '../../../common/secret.ts';
import type { DpopInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { asksForDpopNonce } from '../signing/dpop-nonces.ts';
import { makeDpopProof, prepareDpop as prepareSigning } from '../signing/dpop-proof.ts';
import { authorityOf, checkLength, type PreparedInjection } from './scheme.ts';

/** 64 bytes in base64url (RFC 7518 section 3.4). */
const PROOF_SIGNATURE_CHARACTERS = 86;

/** `Authorization: DPoP <token>` and a proof of the key that the token is bound to (RFC 9449 section 7.1). */
export function prepareDpop({ accessToken, privateKey }: DpopInjection): PreparedInjection {
  checkLength(accessToken);
  const signing = prepareSigning(new Secret(accessToken), new Secret(privateKey));
  return {
    // The key never travels; a proof is known when it is made.
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
        valueBytes: PROOF_SIGNATURE_CHARACTERS,
        sign: ({ nowMs, nonce, dpopNonces }) => {
          const call = { method, uri, nonce: dpopNonces.get(origin), nowMs, jti: nonce() };
          headers.set('Authorization', `DPoP ${signing.accessToken.reveal()}`);
          const proof = makeDpopProof(signing, call);
          headers.set('DPoP', proof);
          // Without its signature a proof proves nothing; the rest of it the agent may know.
          return { value: new Secret(proof.slice(proof.lastIndexOf('.') + 1)), transform: undefined };
        },
        learn: (status, answer, { dpopNonces }) => {
          dpopNonces.note(origin, answer);
          return asksForDpopNonce(status, answer) && dpopNonces.get(origin) !== undefined;
        },
      });
    },
  };
}
