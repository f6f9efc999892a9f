import { VISIBLE_TEXT } from '../../../common/credential-grammar.ts';
import { Secret } from '../../../common/secret.ts';
import { AwsAlgorithm, type AwsSigV4Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { readAgentSignature } from '../signing/aws-agent-signature.ts';
import { sha256Hex } from '../signing/aws-canonical.ts';
import { type AwsRequest, type AwsSigning, planAwsSignature, signAwsRequest } from '../signing/aws-request.ts';
import { invalid } from '../injection-error.ts';
import { authorityOf, type PreparedInjection } from './scheme.ts';

const ALGORITHMS = {
  [AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256]: 'AWS4-HMAC-SHA256',
  [AwsAlgorithm.AWS_ALGORITHM_ECDSA_P256_SHA256]: 'AWS4-ECDSA-P256-SHA256',
} as const;

/** Of HMAC-SHA256 in hex; ECDSA's, in DER, are about twice as long. */
const MIN_SIGNATURE_CHARACTERS = 64;

/** Signs by AWS Signature Version 4 or 4a, in place of the agent's SDK, which signs with a key that is no key. */
export function prepareAwsSigV4(injection: AwsSigV4Injection): PreparedInjection {
  const signing = signingOf(injection);
  const { sessionToken } = signing.credential;
  return {
    // The secret key itself never travels; a signature is known when it is made.
    secrets: sessionToken === undefined ? [] : [sessionToken],
    isSecret: true,
    takesPlaceholder: false,
    signs: true,
    apply(draft) {
      const { request } = draft;
      const { claims, headers } = request;
      const outgoing: AwsRequest = {
        method: request.method,
        authority: authorityOf(request.destination),
        path: draft.path,
        query: draft.query,
        headers,
        hasBody: request.hasBody,
      };
      const plan = planAwsSignature(signing, readAgentSignature(claims.authorization, claims.query, headers), outgoing);
      draft.signatures.push({
        needsWholeBody: plan.needsWholeBody,
        valueBytes: MIN_SIGNATURE_CHARACTERS,
        sign: ({ nowMs, body }) => {
          const hash = plan.needsWholeBody && body !== undefined ? sha256Hex(body) : undefined;
          const { signature, transform } = signAwsRequest(plan, outgoing, nowMs, hash);
          return { value: new Secret(signature), transform };
        },
      });
    },
  };
}

function signingOf(injection: AwsSigV4Injection): AwsSigning {
  const { accessKeyId, secretAccessKey, sessionToken, service, regions } = injection;
  const algorithm =
    injection.algorithm in ALGORITHMS ? ALGORITHMS[injection.algorithm as keyof typeof ALGORITHMS] : undefined;
  if (algorithm === undefined) throw invalid('its algorithm is unknown');
  if (!/^[A-Za-z0-9_]{1,128}$/.test(accessKeyId)) throw invalid('its access key id is malformed');
  if (secretAccessKey.length === 0) throw invalid('its secret access key is empty');
  if (!/^[a-z0-9-]{1,64}$/.test(service)) throw invalid('its service is malformed');
  const named = regions.every(
    (region) => /^[a-z0-9-]{1,64}$/.test(region) || (region === '*' && algorithm.includes('ECDSA')),
  );
  if (regions.length === 0 || !named) throw invalid('its regions are malformed');
  if (sessionToken.length > 0 && !VISIBLE_TEXT.test(sessionToken.toString('latin1'))) {
    throw invalid('its session token has bytes that a header cannot hold');
  }
  return {
    credential: {
      accessKeyId,
      secretAccessKey: new Secret(secretAccessKey),
      sessionToken: sessionToken.length === 0 ? undefined : new Secret(sessionToken),
    },
    algorithm,
    service,
    regions,
  };
}
