/**
 * The stable reason codes: number on the wire, HTTP status, what happened and what an agent can do next.
 * `sidekey/v1/reason.proto` holds the same numbers; a test compares the two.
 */
export interface ReasonEntry {
  readonly number: number;
  readonly httpStatus: number;
  readonly summary: string;
  readonly nextStep: string;
}

export const REASONS = {
  'ok': { number: 1, httpStatus: 200, summary: 'Allowed.', nextStep: 'Nothing to do.' },
  'no-route': { number: 2, httpStatus: 403, summary: 'No server workload covers this host and port.', nextStep: 'Ask a platform engineer to add a ServerWorkload and an AccessPolicy for this host.' },
  'no-policy': { number: 3, httpStatus: 403, summary: 'No access policy allows this workload to call this server workload.', nextStep: 'Ask for an AccessPolicy that connects the two.' },
  'rule-denied': { number: 4, httpStatus: 403, summary: 'No rule of the policy allows this call.', nextStep: 'Make a call that the policy allows, by method, path and content; `sidekey explain` shows which.' },
  'policy-denied': { number: 5, httpStatus: 403, summary: "A policy with effect deny matched.", nextStep: "Do not retry; ask the policy's owner." },
  'condition-failed': { number: 6, httpStatus: 403, summary: 'An access condition did not hold.', nextStep: 'Retry only when the condition can hold, such as inside the time window.' },
  'condition-error': { number: 7, httpStatus: 403, summary: "An access condition could not be evaluated.", nextStep: "Ask the policy's owner to mend the condition." },
  'trust-insufficient': { number: 8, httpStatus: 403, summary: 'The policy asks for evidence from a trust provider that this session lacks.', nextStep: 'Attest with the evidence that the policy names.' },
  'workload-unknown': { number: 9, httpStatus: 403, summary: 'The verified claims match no client workload.', nextStep: 'Ask for a ClientWorkload whose selectors match these claims.' },
  'workload-revoked': { number: 10, httpStatus: 403, summary: 'This workload is revoked.', nextStep: 'Stop; an administrator must lift the revocation.' },
  'policy-revoked': { number: 11, httpStatus: 403, summary: 'The policy is revoked.', nextStep: 'Stop; an administrator must lift the revocation.' },
  'credential-revoked': { number: 12, httpStatus: 403, summary: 'The credential is revoked.', nextStep: 'Stop; an administrator must lift the revocation.' },
  'user-revoked': { number: 13, httpStatus: 403, summary: 'The user is revoked.', nextStep: 'Stop; an administrator must lift the revocation.' },
  'session-revoked': { number: 14, httpStatus: 403, summary: 'The session is revoked.', nextStep: 'Attest again with fresh evidence.' },
  'tenant-revoked': { number: 15, httpStatus: 403, summary: 'The tenant is revoked.', nextStep: 'Stop; an administrator must lift the revocation.' },
  'session-expired': { number: 16, httpStatus: 403, summary: 'The session has expired.', nextStep: 'Attest again.' },
  'session-invalid': { number: 17, httpStatus: 403, summary: 'The session token or its proof is not valid.', nextStep: 'Attest again; if that does not help, compare the clocks of the proxy and the control plane.' },
  'proof-replayed': { number: 18, httpStatus: 403, summary: 'The DPoP proof was used before.', nextStep: 'Make a fresh proof for each call.' },
  'evidence-missing': { number: 19, httpStatus: 403, summary: 'No evidence of identity was presented.', nextStep: 'Configure evidence on the proxy.' },
  'evidence-malformed': { number: 20, httpStatus: 403, summary: 'The evidence is not a well-formed token.', nextStep: 'Check the evidence file.' },
  'evidence-wrong-issuer': { number: 21, httpStatus: 403, summary: "No trust provider accepts the evidence's issuer.", nextStep: "Configure a TrustProvider for this issuer." },
  'evidence-wrong-audience': { number: 22, httpStatus: 403, summary: "The evidence is meant for another audience.", nextStep: "Ask the issuer for a token with Sidekey's audience." },
  'evidence-expired': { number: 23, httpStatus: 403, summary: 'The evidence has expired.', nextStep: 'Present a fresh token.' },
  'evidence-not-yet-valid': { number: 24, httpStatus: 403, summary: 'The evidence is not valid yet.', nextStep: 'Check the clocks, or wait.' },
  'evidence-unknown-key': { number: 25, httpStatus: 403, summary: "The evidence is signed with a key that the issuer does not publish.", nextStep: "Check the trust provider's keys." },
  'evidence-bad-algorithm': { number: 26, httpStatus: 403, summary: 'The evidence uses an algorithm that is not allowed for its key.', nextStep: 'Use an asymmetric algorithm of the trust provider.' },
  'evidence-bad-signature': { number: 27, httpStatus: 403, summary: "The evidence's signature does not verify.", nextStep: "Present the token as it was issued." },
  'evidence-revoked': { number: 28, httpStatus: 403, summary: 'This evidence belongs to a revoked session.', nextStep: 'Present fresh evidence.' },
  'evidence-keys-unavailable': { number: 29, httpStatus: 503, summary: "The issuer's keys could not be fetched.", nextStep: "Retry with backoff; the control plane's log says why." },
  'trust-provider-disabled': { number: 30, httpStatus: 403, summary: 'The trust provider is not enabled.', nextStep: 'Enable it in the control plane.' },
  'credential-unavailable': { number: 31, httpStatus: 503, summary: 'The credential could not be made or fetched.', nextStep: 'Retry with backoff; the credential provider may be down.' },
  'credential-invalid': { number: 32, httpStatus: 502, summary: "The credential has bytes that its place does not allow.", nextStep: "Ask the credential provider's owner to mend it." },
  'control-plane-unavailable': { number: 33, httpStatus: 503, summary: 'The control plane could not be reached and nothing held may be used.', nextStep: 'Retry with backoff.' },
  'authorize-timeout': { number: 34, httpStatus: 504, summary: 'The control plane did not answer in time.', nextStep: 'Retry with backoff.' },
  'overloaded': { number: 35, httpStatus: 503, summary: 'A limit of the proxy is reached.', nextStep: 'Retry with backoff.' },
  'draining': { number: 36, httpStatus: 503, summary: 'The proxy is shutting down.', nextStep: 'Retry on a new connection.' },
  'not-ready': { number: 37, httpStatus: 503, summary: 'The proxy has no policy yet.', nextStep: 'Retry with backoff.' },
  'proxy-authentication-required': { number: 38, httpStatus: 407, summary: 'The proxy wants its token.', nextStep: 'Use the proxy address as it was given.' },
  'caller-refused': { number: 39, httpStatus: 403, summary: "This caller may not use the proxy.", nextStep: "Call from the agent's own process." },
  'bad-request': { number: 40, httpStatus: 400, summary: 'The request is malformed or ambiguous.', nextStep: 'Mend the request; the message says what is wrong.' },
  'head-too-large': { number: 41, httpStatus: 431, summary: "The request's head is over the limit.", nextStep: "Send fewer or shorter headers." },
  'uri-too-long': { number: 42, httpStatus: 414, summary: 'The request target is over the limit.', nextStep: 'Shorten the request target.' },
  'header-timeout': { number: 43, httpStatus: 408, summary: "The request's head did not arrive in time.", nextStep: "Send the head at once." },
  'body-timeout': { number: 44, httpStatus: 408, summary: "The request's body stopped arriving.", nextStep: "Send the body without long pauses." },
  'method-refused': { number: 45, httpStatus: 405, summary: 'The proxy does not forward this method.', nextStep: 'Use another method.' },
  'upgrade-refused': { number: 46, httpStatus: 403, summary: 'The proxy does not forward this upgrade.', nextStep: 'Use plain HTTP/1.1.' },
  'expectation-failed': { number: 47, httpStatus: 417, summary: 'The expectation is not understood.', nextStep: 'Send only Expect: 100-continue.' },
  'destination-mismatch': { number: 48, httpStatus: 421, summary: 'The connection and the request name different destinations.', nextStep: 'Use one host name throughout.' },
  'path-refused': { number: 49, httpStatus: 400, summary: 'The path is ambiguous.', nextStep: 'Send the path in its plain form, or ask for `paths` in the server workload.' },
  'address-refused': { number: 50, httpStatus: 403, summary: 'The host resolves to an address that the address policy refuses.', nextStep: 'If the address is meant, ask for it in `allowedAddresses` of the server workload.' },
  'loop-refused': { number: 51, httpStatus: 508, summary: 'The call would reach Sidekey itself.', nextStep: 'Call the real service.' },
  'cleartext-refused': { number: 52, httpStatus: 403, summary: 'A credential may not travel over cleartext.', nextStep: 'Use https.' },
  'binding-mismatch': { number: 53, httpStatus: 500, summary: 'The grant does not cover this call.', nextStep: 'Report it; this is a bug or an attack.' },
  'dns-failed': { number: 55, httpStatus: 502, summary: 'The host name could not be resolved.', nextStep: 'Check the host name, and whether the proxy\'s machine can resolve it; behind a corporate proxy give --upstream-proxy.' },
  'connect-failed': { number: 56, httpStatus: 502, summary: 'The upstream could not be reached.', nextStep: 'Retry with backoff.' },
  'connect-timeout': { number: 57, httpStatus: 504, summary: 'The upstream did not accept the connection in time.', nextStep: 'Retry with backoff.' },
  'upstream-tls-failed': { number: 58, httpStatus: 502, summary: "TLS with the upstream failed: its certificate could not be verified, it refused our side, or it speaks none.", nextStep: "Check the host name and port, the server workload's authority, or the client certificate that policy injects; the message says which." },
  'upstream-malformed': { number: 59, httpStatus: 502, summary: "The upstream's answer is malformed.", nextStep: "Report it to the upstream's owner." },
  'upstream-closed': { number: 60, httpStatus: 502, summary: 'The upstream closed before it had answered.', nextStep: 'Retry if the call is idempotent.' },
  'upstream-timeout': { number: 61, httpStatus: 504, summary: 'The upstream did not answer in time.', nextStep: 'Retry with backoff if the call is idempotent.' },
  'response-undecodable': { number: 62, httpStatus: 502, summary: "The answer's encoding cannot be read, so it cannot be scrubbed.", nextStep: "Ask the upstream for identity encoding." },
  'agent-closed': { number: 63, httpStatus: 499, summary: 'The agent went away before the answer was complete.', nextStep: 'Nothing to do.' },
  'internal-error': { number: 64, httpStatus: 500, summary: 'A bug in Sidekey.', nextStep: 'Report it with the decision id.' },
  'signature-refused': { number: 65, httpStatus: 403, summary: 'The request may not be signed as it is.', nextStep: 'Sign in headers, for the service and region that the policy names; the message says what is wrong.' },
  'signed-body-too-large': { number: 66, httpStatus: 413, summary: 'The body is longer than what can be read whole, which its signature needs.', nextStep: 'Send a hash of the body (x-amz-content-sha256), or a smaller body.' },
  'injection-refused': { number: 68, httpStatus: 400, summary: 'The request has no place for the credential that policy injects.', nextStep: 'Send the path, content type and body shape that the policy names.' },
  'placeholder-refused': { number: 69, httpStatus: 403, summary: 'The request holds a placeholder that is not for this place.', nextStep: 'Use a placeholder once, at the place and the host that it was given for.' },
  'protocol-refused': { number: 80, httpStatus: 403, summary: 'The connection opens with a protocol that the proxy does not forward.', nextStep: 'Use HTTP, over TLS or in cleartext; a SOCKS client must speak version 5.' },
  'port-refused': { number: 81, httpStatus: 403, summary: 'Connections to this port are refused by configuration.', nextStep: 'Ask a platform engineer whether the service can be reached in another way.' },
  'upstream-proxy-failed': { number: 90, httpStatus: 502, summary: 'The proxy before the upstream could not be used.', nextStep: "Check --upstream-proxy: its address, its certificate, and the user name and password." },
  'upstream-proxy-refused': { number: 91, httpStatus: 502, summary: 'The proxy before the upstream does not allow this destination.', nextStep: "Ask that proxy's owner to allow the host and port, or name the host in --upstream-no-proxy." },
  'trust-withdrawn': { number: 95, httpStatus: 403, summary: 'The trust provider that vouched for the session was changed or deleted.', nextStep: 'Retry; the proxy attests again where it still can.' },
  'version-unsupported': { number: 96, httpStatus: 503, summary: 'The releases of the proxy and the control plane do not go together.', nextStep: "Ask a platform engineer to upgrade the side that the proxy's log names." },
  'body-uninspectable': { number: 70, httpStatus: 403, summary: "A rule reads the request's body, and the body cannot be read.", nextStep: 'Send it plain, in UTF-8, in one piece, with its content type, and no longer than the policy reads.' },
  'message-refused': { number: 71, httpStatus: 403, summary: 'The message cannot be judged: it is a batch, or its head and its body disagree.', nextStep: 'Send one message a request.' },
  'secret-endpoint': { number: 72, httpStatus: 403, summary: 'This endpoint makes or shows secrets, and no policy opens it.', nextStep: 'Ask for a policy that lists it in `opens`; `sidekey explain` shows its name.' },
  'answer-refused': { number: 73, httpStatus: 502, summary: "The answer lists what policy must filter, and cannot be read.", nextStep: "Report it to the upstream's owner." },
  'agent-tls-failed': { number: 97, httpStatus: 499, summary: "The agent did not agree to TLS with the proxy, most often because it does not trust the proxy's authority.", nextStep: "Start the agent with `sidekey run`, or have it trust the proxy's authority; docs/agents.md names the variable for each client." },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof REASONS;

const BY_NUMBER = new Map<number, Reason>(
  (Object.keys(REASONS) as Reason[]).map((reason) => [REASONS[reason].number, reason]),
);

/** The reason with this wire number; numbers of a newer peer read as `internal-error`, which never allows. */
export function reasonFromNumber(number: number): Reason {
  return BY_NUMBER.get(number) ?? 'internal-error';
}

/** The reason with this name, or undefined. */
export function findReason(name: string): Reason | undefined {
  return Object.hasOwn(REASONS, name) ? (name as Reason) : undefined;
}
