import { REASONS, type Reason } from '../../../proto/reasons.ts';

/** What is told to the agent about a call that Sidekey answers itself. */
export interface ProblemInput {
  readonly reason: Reason;
  /** One sentence for people; without it the reason's summary is used. Never a secret. */
  readonly message?: string | undefined;
  /** Id of the decision record, so that a person can find it. */
  readonly decisionId?: string | undefined;
  readonly accessPolicy?: string | undefined;
}

/** A whole answer, ready for the writer; header names in their usual spelling. */
export interface ProblemResponse {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Buffer;
}

const MAX_MESSAGE_CHARS = 1000;
/** What the proxy forwards, for `Allow` (RFC 9110 section 15.5.6). TRACE, TRACK and CONNECT in a tunnel are not. */
const FORWARDED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** RFC 9209 section 2.3. Reasons not named here are a policy's refusal: `http_request_denied`. */
const PROXY_ERRORS: Partial<Record<Reason, string>> = {
  'evidence-keys-unavailable': 'proxy_internal_response',
  'credential-unavailable': 'proxy_internal_response',
  'credential-invalid': 'proxy_configuration_error',
  'control-plane-unavailable': 'proxy_internal_response',
  'version-unsupported': 'proxy_internal_response',
  'authorize-timeout': 'proxy_internal_response',
  overloaded: 'proxy_internal_response',
  draining: 'proxy_internal_response',
  'not-ready': 'proxy_internal_response',
  'bad-request': 'http_request_error',
  'head-too-large': 'http_request_error',
  'uri-too-long': 'http_request_error',
  'header-timeout': 'http_request_error',
  'body-timeout': 'http_request_error',
  'method-refused': 'http_request_error',
  'upgrade-refused': 'http_upgrade_failed',
  'expectation-failed': 'http_request_error',
  'destination-mismatch': 'http_request_error',
  'path-refused': 'http_request_error',
  'injection-refused': 'http_request_error',
  'signed-body-too-large': 'http_request_error',
  'address-refused': 'destination_ip_prohibited',
  'loop-refused': 'proxy_loop_detected',
  'binding-mismatch': 'proxy_internal_error',
  'dns-failed': 'dns_error',
  'connect-failed': 'destination_unavailable',
  'connect-timeout': 'connection_timeout',
  'upstream-tls-failed': 'tls_protocol_error',
  'upstream-malformed': 'http_protocol_error',
  'upstream-closed': 'http_response_incomplete',
  'upstream-timeout': 'http_response_timeout',
  'response-undecodable': 'http_response_content_coding',
  'answer-refused': 'http_protocol_error',
  'upstream-proxy-failed': 'destination_unavailable',
  'upstream-proxy-refused': 'connection_refused',
  'internal-error': 'proxy_internal_error',
};

/** Headers that HTTP demands beside a status: RFC 9110 sections 15.5.6 and 15.5.8; Retry-After is a courtesy (10.2.3). */
const STATUS_HEADERS: Readonly<Record<number, [string, string]>> = {
  405: ['Allow', FORWARDED_METHODS],
  407: ['Proxy-Authenticate', 'Basic realm="sidekey", charset="UTF-8"'],
  503: ['Retry-After', '1'],
};

/** The members of RFC 9457, and our own. */
export function problemOf({ reason, message, decisionId, accessPolicy }: ProblemInput) {
  const { httpStatus, summary, nextStep } = REASONS[reason];
  return {
    type: `urn:sidekey:reason:${reason}`,
    title: summary,
    status: httpStatus,
    code: reason,
    detail: (message || summary).slice(0, MAX_MESSAGE_CHARS),
    nextStep,
    decisionId,
    accessPolicy: accessPolicy || undefined,
  };
}

/** The `application/problem+json` answer (RFC 9457) to a call that ends with `reason`, with its Proxy-Status (RFC 9209). */
export function problemResponse(input: ProblemInput): ProblemResponse {
  const problem = problemOf(input);
  return refusalWith(input.reason, problem.status, 'application/problem+json', `${JSON.stringify(problem)}\n`);
}

/** A whole answer that refuses, in whatever form its client reads. */
export function refusalWith(reason: Reason, status: number, type: string, content: string | Buffer): ProblemResponse {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  const headers: [string, string][] = [
    ['Content-Type', type],
    ['Content-Length', String(body.length)],
    ['Cache-Control', 'no-store'],
    ['Proxy-Status', proxyStatus(reason)],
  ];
  const demanded = STATUS_HEADERS[status];
  if (demanded !== undefined) headers.push(demanded);
  return { status, headers, body };
}

/** The Proxy-Status value: a structured field made of our own codes alone, so that it needs no escaping (RFC 9209 section 2). */
export function proxyStatus(reason: Reason): string {
  return `sidekey; error=${PROXY_ERRORS[reason] ?? 'http_request_denied'}; details="${reason}"`;
}
