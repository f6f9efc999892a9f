/**
 * Loaded into agents that run on Node. Before 24 it does not follow HTTPS_PROXY by itself: the built-in fetch gets a dispatcher
 * that does (what makes it needs Node 20), and `http.request` and `https.request` a default agent that does.
 */
import http from 'node:http';
import https from 'node:https';
import type * as Undici from 'undici';
import { createTunnelAgents } from './tunnel-agent.ts';
import { giveWebSocketsDefaultAgent } from './web-socket-agents.ts';

const major = Number(process.versions.node.split('.')[0]);
const proxyUrl = process.env['HTTPS_PROXY'];
if (proxyUrl) {
  if (major < 24) {
    const agents = createTunnelAgents(proxyUrl);
    http.globalAgent = agents.http;
    https.globalAgent = agents.https;
    if (major >= 20) followWithFetch();
  }
  giveWebSocketsDefaultAgent();
}

function followWithFetch(): void {
  // An import would be loaded on every Node.
  const { EnvHttpProxyAgent, setGlobalDispatcher }: typeof Undici = require('undici');
  setGlobalDispatcher(new EnvHttpProxyAgent());
}
