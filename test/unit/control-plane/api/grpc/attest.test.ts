import { expect, it } from 'vitest';
import { VERSION } from '../../../../../common/version.ts';
import { checkRequest } from '../../../../../control-plane/api/grpc/attest.ts';
import { AttestRequest, EvidenceSubject } from '../../../../../proto/gen/sidekey/v1/proxy.ts';

const LONGEST = Buffer.alloc(32_768, 'x');

function requestOf(tokens: readonly Buffer[], changes: Partial<AttestRequest> = {}): AttestRequest {
  const subject = EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD;
  const evidence = tokens.map((token) => ({ kind: 'oidc', subject, token }));
  const rest = { tenant: 'acme', instanceId: 'instance-1', proxyKey: Buffer.alloc(91), proof: 'p'.repeat(4_096) };
  const proxyVersion = VERSION;
  return AttestRequest.fromPartial({ evidence, proxyVersion, ...rest, ...changes });
}

const eight = Array.from({ length: 8 }, () => LONGEST);

it('the longest request that can be of use may wait for its turn', () => {
  expect(checkRequest(requestOf(eight))).toBeUndefined();
});

it.each([
  ['a piece of evidence', requestOf([Buffer.alloc(32_769)]), 'evidence-malformed'],
  ['pieces of evidence together', requestOf([...eight, LONGEST]), 'bad-request'],
  ['pieces of evidence in number', requestOf(Array.from({ length: 140_000 }, () => Buffer.alloc(0))), 'bad-request'],
  ['the proof', requestOf([], { proof: 'p'.repeat(300_000) }), 'bad-request'],
  ['the version', requestOf(eight, { proxyVersion: 'v'.repeat(16_384) }), 'version-unsupported'],
])('nothing more is held of a request in which too long is: %s', (_, request, reason) => {
  expect(() => checkRequest(request)).toThrow(expect.objectContaining({ reason }));
});
