/** Node's own HTTP/2 server on a port of 127.0.0.1, over TLS where a folder is named. It says what `echo.mjs` says. */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [, , port, callsPerConnection, folder] = process.argv;
const read = (name) => readFileSync(`${folder}/${name}.pem`);
const server =
  folder === undefined ? http2.createServer() : http2.createSecureServer({ key: read('key'), cert: read('cert') });
server.on('sessionError', () => {});
server.on('stream', async (stream, headers) => {
  stream.on('error', () => {});
  const { session } = stream;
  session.calls = (session.calls ?? 0) + 1;
  if (session.calls >= Number(callsPerConnection)) session.close();
  const told = {
    method: headers[':method'],
    target: headers[':path'],
    host: headers[':authority'] ?? headers.host,
    case: headers['x-case'],
    credential: 'authorization' in headers,
  };
  try {
    if (!told.target.startsWith('/ignore')) {
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      told.body = Buffer.concat(chunks).toString('base64');
    }
  } catch {
    return;
  }
  const line = JSON.stringify(told);
  process.stdout.write(`${line}\n`);
  if (stream.destroyed) return;
  stream.respond({ ':status': 200 });
  stream.end(line);
});
server.listen(Number(port), '127.0.0.1');
