import { AZURE_ENDPOINTS } from './azure.ts';
import { CLOUD_ENDPOINTS } from './clouds.ts';
import { FORGE_ENDPOINTS } from './forges.ts';
import type { SecretEndpoint } from './secret-endpoint.ts';
import { SERVICE_ENDPOINTS } from './services.ts';

const ALL = { ...CLOUD_ENDPOINTS, ...AZURE_ENDPOINTS, ...FORGE_ENDPOINTS, ...SERVICE_ENDPOINTS };

export type SecretEndpointName = keyof typeof ALL;

/** The default rule pack: on for every policy that injects, but for what it opens. */
export const SECRET_ENDPOINTS: Readonly<Record<SecretEndpointName, SecretEndpoint>> = ALL;

export const secretEndpointNames = Object.keys(ALL) as [SecretEndpointName, ...SecretEndpointName[]];

export const secretEndpointProviders = [
  ...new Set(Object.values(SECRET_ENDPOINTS).map(({ provider }) => provider)),
].sort();
