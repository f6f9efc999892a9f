/** `warm-proxy.mjs BUNDLE`: starts the proxy of this bundle once, and has it keep the code that a start runs. */
import { pathToFileURL } from 'node:url';

// Long enough to see that nobody is there: the way to the control plane is part of a start.
const DIAL_MS = 300;

const { startProxy, saveCodeCache } = await import(pathToFileURL(process.argv[2]).href);
await startProxy({
  controlPlane: { address: '127.0.0.1:1', caPem: '', tenant: 'default' },
  evidence: async () => [],
  listen: { host: '127.0.0.1', port: 0 },
  authority: 'local',
  unrouted: 'deny',
  logLevel: 'silent',
});
setTimeout(() => {
  saveCodeCache();
  process.exit();
}, DIAL_MS);
