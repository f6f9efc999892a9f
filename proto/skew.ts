interface Release {
  readonly major: number;
  readonly minor: number;
}

/**
 * Why a proxy and a control plane of these releases must not talk, and which side to upgrade; undefined when they may. A control
 * plane takes proxies of its own minor release and of the one before, whatever their patches.
 */
export function describeSkew(proxyVersion: string, controlPlaneVersion: string): string | undefined {
  const proxy = readRelease(proxyVersion);
  const controlPlane = readRelease(controlPlaneVersion);
  const says = `the proxy is ${nameOf(proxy, proxyVersion)}, the control plane ${nameOf(controlPlane, controlPlaneVersion)}`;
  if (controlPlane === undefined) return `${says}: upgrade the control plane`;
  const { major, minor } = controlPlane;
  const taken = minor === 0 ? `${major}.0` : `${major}.${minor - 1} and ${major}.${minor}`;
  const behind = proxy === undefined ? Number.POSITIVE_INFINITY : releasesBehind(proxy, controlPlane);
  if (behind === 0 || behind === 1) return undefined;
  return `${says}, which takes proxies of ${taken}: upgrade the ${behind < 0 ? 'control plane' : 'proxy'}`;
}

function releasesBehind(proxy: Release, controlPlane: Release): number {
  if (proxy.major === controlPlane.major) return controlPlane.minor - proxy.minor;
  return (controlPlane.major - proxy.major) * Number.POSITIVE_INFINITY;
}

function readRelease(version: string): Release | undefined {
  const found = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?:-[\w.-]{1,40})?(?:\+[\w.-]{1,40})?$/.exec(version);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}

/** What the other side says of itself goes into logs only when it is a release. */
function nameOf(release: Release | undefined, version: string): string {
  return release === undefined ? 'of a release that does not say which' : version;
}
