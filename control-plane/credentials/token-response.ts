import { isJsonObject } from '../../common/inspection/strict-json.ts';
import { Secret } from '../../common/secret.ts';
import type { OutboundAnswer } from '../outbound/https-fetcher.ts';
import { CredentialError, type MintedCredential } from './credential-minter.ts';

const DEFAULT_LIFE_SECONDS = 60;
const MAX_LIFE_SECONDS = 86_400;
const MAX_TOKEN_LENGTH = 16_384;

/**
 * Reads a token endpoint's answer (RFC 6749 sections 5.1 and 5.2). Of what the server says, errors repeat a well-formed `error` code
 * and the status only: a description could quote what we sent. `sentAt` in milliseconds: the life is counted from the question.
 */
export function parseTokenResponse(answer: OutboundAnswer, sentAt: number): MintedCredential & { notAfter: number } {
  const body = parseBody(answer);
  if (answer.status !== 200) {
    const code = body['error'];
    const known = typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? ` (${code})` : '';
    throw new CredentialError(`the token endpoint answered with status ${answer.status}${known}`);
  }
  const { access_token: token, token_type: type, expires_in: expiresIn } = body;
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new CredentialError('the token endpoint issued a token of another type than Bearer');
  }
  // RFC 6750 section 2.1 and RFC 6749 appendix A.12: visible ASCII, nothing that could break out of a header.
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token)) {
    throw new CredentialError('the token endpoint issued a malformed token', { reason: 'credential-invalid' });
  }
  return { secret: new Secret(token), notAfter: sentAt + lifeSeconds(expiresIn) * 1000 };
}

function lifeSeconds(expiresIn: unknown): number {
  // Some servers send the number as text.
  const seconds = typeof expiresIn === 'string' && /^\d{1,9}$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (seconds === undefined) return DEFAULT_LIFE_SECONDS;
  if (typeof seconds !== 'number' || !(seconds > 0))
    throw new CredentialError('the token endpoint issued an expired token');
  return Math.min(seconds, MAX_LIFE_SECONDS);
}

function parseBody(answer: OutboundAnswer): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(answer.body);
    if (isJsonObject(body)) return body;
  } catch {
    // The parser's message quotes the body, which may hold a token.
  }
  throw new CredentialError(`the token endpoint answered with status ${answer.status} and no JSON object`);
}
