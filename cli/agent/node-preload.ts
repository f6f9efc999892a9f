/**
 * Loaded into agents that run on Node before 24, which does not follow HTTPS_PROXY by itself: gives the built-in fetch a
 * dispatcher that does, and `http.request` and `https.request` a default agent that does.
 */
import http from 'node:http';
import https from 'node:https';
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';
import { createTunnelAgents } from './tunnel-agent.ts';

const major = Number(process.versions.node.split('.')[0]);
const proxyUrl = process.env['HTTPS_PROXY'];
if (major < 24 && proxyUrl) {
  setGlobalDispatcher(new EnvHttpProxyAgent());
  const agents = createTunnelAgents(proxyUrl);
  http.globalAgent = agents.http;
  https.globalAgent = agents.https;
}
