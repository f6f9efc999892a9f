/**
 * Loaded into agents that run on Node before 24, whose fetch does not follow HTTPS_PROXY by itself: gives the built-in
 * fetch a dispatcher that does.
 */
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24 && process.env['HTTPS_PROXY']) setGlobalDispatcher(new EnvHttpProxyAgent());
