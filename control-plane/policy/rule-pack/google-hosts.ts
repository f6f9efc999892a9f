/**
 * Globs over the hosts of Google's services: the usual one, that for mutual TLS (`mtlsRootUrl` of a discovery document), and
 * private endpoints (Private Service Connect).
 */
export function googleHosts(...services: readonly string[]): string[] {
  return services.flatMap((service) => [
    `${service}.googleapis.com`,
    `${service}.mtls.googleapis.com`,
    `${service}-*.p.googleapis.com`,
  ]);
}
