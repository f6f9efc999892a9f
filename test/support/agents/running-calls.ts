import { WebSocket } from 'ws';
import { until } from '../until.ts';
import { http2Session, type ProxyPlace, tunnel } from './proxied-agent.ts';

interface RunningCall {
  heard: number;
  /** How it ended, in its protocol's words. */
  ended: string | undefined;
}

export type RunningCalls = Record<'http1' | 'http2' | 'webSocket', RunningCall>;

/** Calls of a ticker on this port, over HTTP/1.1, HTTP/2 and WebSocket, once all are heard of. */
export async function beginCalls(place: ProxyPlace, port: number): Promise<RunningCalls> {
  const newCall = (): RunningCall => ({ heard: 0, ended: undefined });
  const calls = { http1: newCall(), http2: newCall(), webSocket: newCall() };
  const { http1, http2, webSocket } = calls;
  const socket = await tunnel(place, 'localhost', port, 'http/1.1');
  socket.on('data', () => (http1.heard += 1));
  socket.on('close', () => (http1.ended = 'closed'));
  socket.write(`GET /tick HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  const stream = (await http2Session(place, 'localhost', port)).request({ ':path': '/tick' });
  stream.on('error', () => {});
  stream.on('data', () => (http2.heard += 1));
  stream.on('close', () => (http2.ended = `reset ${stream.rstCode}`));
  const secured = await tunnel(place, 'localhost', port, 'http/1.1');
  const messages = new WebSocket(`wss://localhost:${port}/`, { createConnection: () => secured });
  messages.on('error', () => {});
  messages.on('message', () => (webSocket.heard += 1));
  messages.on('close', (code, reason) => (webSocket.ended = `${code} ${reason.toString()}`));
  await until('all run', () => Object.values(calls).every(({ heard }) => heard > 2), 30_000);
  return calls;
}

/** Waits for the end of all, and gives each in its words. */
export async function endOfCalls(calls: RunningCalls): Promise<Record<keyof RunningCalls, string | undefined>> {
  await until('all are cut', () => Object.values(calls).every(({ ended }) => ended !== undefined), 20_000);
  return { http1: calls.http1.ended, http2: calls.http2.ended, webSocket: calls.webSocket.ended };
}
