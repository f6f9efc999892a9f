// An API that demands the token of an OpenID provider. The demonstration calls it, and so do the tests.
import { jwtVerify } from 'jose';

/**
 * `/v1/items` answers JSON; `/v1/echo` answers what was sent, the token in base64 too; `/v1/upload` counts the body's
 * bytes; `/v1/stream` never ends. `seenTokens` and `seenCalls` (`METHOD target`) fill with what the API was shown.
 */
export function createDemandingApi({ keys, issuer, audience }) {
  const seenTokens = new Set();
  const seenCalls = [];
  const handle = (request, answer) => {
    seenCalls.push(`${request.method} ${request.url}`);
    serve(request, answer).catch(() => answer.destroy());
  };
  return { handle, seenTokens, seenCalls };

  async function serve(request, answer) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return send(answer, 401, { error: 'a token is needed' });
    seenTokens.add(token);
    try {
      await jwtVerify(token, keys, { issuer, audience });
    } catch {
      return send(answer, 401, { error: 'the token is not valid' });
    }
    switch (new URL(request.url, 'https://localhost').pathname) {
      case '/v1/items':
        return send(answer, 200, { items: ['first', 'second'], deletedBy: request.method === 'DELETE' ? 'you' : null });
      case '/v1/echo':
        return send(answer, 200, { youSent: request.headers, encoded: Buffer.from(token).toString('base64') });
      case '/v1/upload':
        return send(answer, 200, { received: await countBytes(request) });
      case '/v1/stream':
        return stream(answer);
      default:
        return send(answer, 404, { error: 'no such thing' });
    }
  }
}

async function countBytes(body) {
  let received = 0;
  for await (const bytes of body) received += bytes.length;
  return received;
}

function send(answer, status, body) {
  const text = JSON.stringify(body);
  answer.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  answer.end(text);
}

function stream(answer) {
  answer.writeHead(200, { 'content-type': 'text/plain' });
  const timer = setInterval(() => answer.write(`tick ${Date.now()}\n`), 50);
  answer.on('close', () => clearInterval(timer));
}
