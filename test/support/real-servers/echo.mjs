/** Node's own server on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer. */
import http from 'node:http';

const [, , port] = process.argv;
const server = http.createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, async (request, response) => {
  const { method, url, headers } = request;
  const told = {
    method,
    target: url,
    host: headers.host,
    case: headers['x-case'],
    credential: 'authorization' in headers,
  };
  try {
    if (!url.startsWith('/ignore')) {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      told.body = Buffer.concat(chunks).toString('base64');
    }
  } catch {
    return response.destroy();
  }
  const line = JSON.stringify(told);
  process.stdout.write(`${line}\n`);
  response.end(line);
});
server.listen(Number(port), '127.0.0.1');
