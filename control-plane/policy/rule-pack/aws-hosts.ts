/** Suffixes of the partitions, each with that of its dual-stack endpoints (AWS SDK, `partitions.json`). */
const SUFFIXES = [
  'amazonaws.com',
  'api.aws',
  'amazonaws.com.cn',
  'api.amazonwebservices.com.cn',
  'amazonaws.eu',
  'api.amazonwebservices.eu',
] as const;

/** Globs over the hosts of regional services: in every public partition, and behind interface endpoints of a VPC. */
export function regionalHosts(...services: readonly string[]): string[] {
  return services.flatMap((service) => [
    ...SUFFIXES.map((suffix) => `${service}.*.${suffix}`),
    `*.${service}.*.vpce.amazonaws.com`,
  ]);
}
