import { Secret } from '../../../common/secret.ts';
import type { HmacInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { hmacBytes, type HmacSpec, prepareHmac as prepareSigning, signHmacRequest } from '../signing/hmac-request.ts';
import { checkHeaderName } from './header.ts';
import { invalid } from '../injection-error.ts';
import { authorityOf, type PreparedInjection } from './scheme.ts';

const NO_BODY = Buffer.alloc(0);

/** Signs by HMAC over a text of a template. */
export function prepareHmac(injection: HmacInjection): PreparedInjection {
  const signing = prepareSigning(specOf(injection), new Secret(injection.key));
  for (const { name } of signing.headers) checkHeaderName(name);
  return {
    // The key never travels; what it signs is known when it is made.
    secrets: [],
    isSecret: true,
    takesPlaceholder: false,
    signs: true,
    apply(draft) {
      const { method, destination, headers } = draft.request;
      const authority = authorityOf(destination);
      const outgoing = { method, authority, path: draft.path, query: draft.query, headers };
      draft.signatures.push({
        needsWholeBody: signing.needsWholeBody && draft.request.hasBody,
        valueBytes: hmacBytes(signing.spec),
        sign: ({ nowMs, nonce, body }) => ({
          value: signHmacRequest(signing, outgoing, { nowMs, nonce: nonce(), body: body ?? NO_BODY }),
          transform: undefined,
        }),
      });
    },
  };
}

function specOf({ algorithm, encoding, timestamp, signed, headers }: HmacInjection): HmacSpec {
  return {
    algorithm: oneOf(algorithm, ['sha1', 'sha256', 'sha512']),
    encoding: oneOf(encoding, ['hex', 'base64', 'base64url']),
    timestamp: oneOf(timestamp, ['seconds', 'milliseconds', 'iso8601']),
    signed,
    headers,
  };
}

function oneOf<T extends string>(given: string, known: readonly T[]): T {
  const found = known.find((name) => name === given);
  if (found === undefined) throw invalid('its HMAC is of an unknown form');
  return found;
}
