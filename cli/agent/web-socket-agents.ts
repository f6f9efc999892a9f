import http, { type RequestOptions } from 'node:http';
import https from 'node:https';

const LOOPBACK = /^(?:localhost$|127\.|::1$)/i;

/**
 * Gives openings of WebSockets that bring a way to connect, as those of the `ws` package do, the default agent in its place: they
 * pass by every agent else. Those to this machine, such as a browser's that an agent steers, stay as they are.
 */
export function giveWebSocketsDefaultAgent(): void {
  for (const module of [http, https]) {
    const { request, get } = module;
    Object.assign(module, { request: withDefaultAgent(request), get: withDefaultAgent(get) });
  }
}

function withDefaultAgent<Call extends typeof http.request>(call: Call): Call {
  return new Proxy(call, {
    apply: (target, self, [options, ...others]: [RequestOptions | URL | string, ...unknown[]]) =>
      Reflect.apply(target, self, [leavesByItself(options) ? byDefaultAgent(options) : options, ...others]),
  });
}

function byDefaultAgent(options: RequestOptions): RequestOptions {
  return { ...options, createConnection: undefined };
}

function leavesByItself(options: RequestOptions | URL | string): options is RequestOptions {
  if (typeof options === 'string' || options instanceof URL || options.createConnection === undefined) return false;
  const { agent, socketPath, host, headers } = options;
  if (agent || socketPath || LOOPBACK.test(host ?? 'localhost')) return false;
  return Object.entries(headers ?? {}).some(([name, value]) => name === 'Upgrade' && value === 'websocket');
}
