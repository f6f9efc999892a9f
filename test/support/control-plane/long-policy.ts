import { rootCertificates } from 'node:tls';
import { resource } from './control-plane.ts';

/** As long as a bundle of certificates may be. */
const BUNDLE = longestBundle();

function longestBundle(): string {
  let bundle = '';
  for (const one of rootCertificates) if (bundle.length + one.length < 65_000) bundle += `${one}\n`;
  return bundle;
}

/** Servers with bundles of certificates, each with a policy: some 64,500 bytes of a snapshot each. */
export function longServers(from: number, to: number, clientWorkload: string): unknown[] {
  return Array.from({ length: to - from }, (_, at) => {
    const name = `${clientWorkload}-${from + at}`;
    return [
      resource('ServerWorkload', name, { hosts: [`${name}.example.com`], tls: { ca: BUNDLE } }),
      resource('AccessPolicy', name, { clientWorkload, serverWorkload: name }),
    ];
  }).flat();
}
