import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sidekeyHome } from './context.ts';

/** Where `sidekey dev` leaves its proxy's address and authority. */
export function localProxyFiles(): { urlFile: string; caFile: string } {
  const folder = join(sidekeyHome(), 'dev');
  return { urlFile: join(folder, 'proxy-url'), caFile: join(folder, 'proxy-ca.pem') };
}

/** The proxy of `sidekey dev` on this machine, when there is one. */
export function readLocalProxy(): { url: string; caPem: string } | undefined {
  const { urlFile, caFile } = localProxyFiles();
  if (!existsSync(urlFile) || !existsSync(caFile)) return undefined;
  return { url: readFileSync(urlFile, 'utf8').trim(), caPem: readFileSync(caFile, 'utf8') };
}
