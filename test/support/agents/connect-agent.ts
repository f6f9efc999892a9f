import http from 'node:http';
import https from 'node:https';
import { PassThrough } from 'node:stream';
import tls from 'node:tls';

/** An https.Agent whose connections go through the proxy's CONNECT and trust only its authority. */
export function connectAgent(proxyPort: number, caPem: string): https.Agent {
  const agent = new https.Agent({ keepAlive: true, ca: caPem });
  agent.createConnection = (options, callback) => {
    const { host, port } = options;
    const authority = `${host}:${port}`;
    const target = { host: '127.0.0.1', port: proxyPort, method: 'CONNECT', path: authority };
    const connect = http.request({ ...target, headers: { host: authority } });
    connect.on('connect', (response, socket) => {
      if (response.statusCode !== 200) return callback?.(new Error(`CONNECT: ${response.statusCode}`), socket);
      const secure = tls.connect({ socket, servername: String(host), ca: caPem });
      secure.once('secureConnect', () => callback?.(null, secure));
      secure.once('error', (error) => callback?.(error, secure));
    });
    connect.on('error', (error) => callback?.(error, new PassThrough()));
    connect.end();
    return undefined;
  };
  return agent;
}
