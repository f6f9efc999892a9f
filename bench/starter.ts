import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Starts a proxy out of the shipped bundle: `starter.js dist/proxy.js config.json`. Its start is what is measured. */
const [bundle, configFile] = process.argv.slice(2);
if (bundle === undefined || configFile === undefined) throw new Error('starter.js BUNDLE CONFIG');
const { evidence, ...config } = JSON.parse(readFileSync(configFile, 'utf8'));
const { startProxy } = await import(pathToFileURL(bundle).href);
await startProxy({
  ...config,
  evidence: async () => [{ ...evidence, token: Buffer.from(evidence.token) }],
});
