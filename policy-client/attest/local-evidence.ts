import { createConnection } from 'node:net';
import { SidekeyError } from '../../common/errors.ts';

/** The control plane's local socket gave no evidence; `code` is its reason, or `local-socket-failed`. */
export class LocalEvidenceError extends SidekeyError {}

const MAX_ANSWER_BYTES = 16_384;
const TIMEOUT_MS = 5_000;

/**
 * Asks the control plane on this machine for evidence about this very process, bound to the proxy's key.
 * `proxyKeySpki` is SubjectPublicKeyInfo in DER. Returns a token for evidence of kind `local`, good for a minute.
 */
export async function requestLocalEvidence(socketPath: string, proxyKeySpki: Uint8Array): Promise<string> {
  const line = await exchange(
    socketPath,
    `${JSON.stringify({ proxy_key: Buffer.from(proxyKeySpki).toString('base64url') })}\n`,
  );
  const { token, error } = parseAnswer(line);
  if (token !== undefined) return token;
  const { code, message } = error ?? { code: 'local-socket-failed', message: 'the answer holds no token' };
  throw new LocalEvidenceError(code, `no evidence from ${socketPath}: ${message}`);
}

function exchange(socketPath: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string, cause?: unknown) => {
      socket.destroy();
      reject(new LocalEvidenceError('local-socket-failed', `no evidence from ${socketPath}: ${what}`, { cause }));
    };
    const socket = createConnection(socketPath);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => fail('no answer in time'));
    socket.on('error', (cause) => fail('it cannot be reached', cause));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER_BYTES) fail('the answer is over the limit');
      else if (text.includes('\n')) {
        socket.destroy();
        resolve(text.slice(0, text.indexOf('\n')));
      }
    });
    socket.on('close', () => fail('it closed without an answer'));
  });
}

function parseAnswer(line: string): { token?: string; error?: { code: string; message: string } } {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch (cause) {
    throw new LocalEvidenceError('local-socket-failed', 'the answer is not a line of JSON', { cause });
  }
  if (typeof answer !== 'object' || answer === null) return {};
  if ('token' in answer && typeof answer.token === 'string') return { token: answer.token };
  const error: unknown = 'error' in answer ? answer.error : undefined;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return {};
  return { error: { code: String(error.code), message: String(error.message) } };
}
