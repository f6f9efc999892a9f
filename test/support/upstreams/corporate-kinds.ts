import {
  type CorporateProxy,
  HAS_MICROSOCKS,
  HAS_SQUID,
  HAS_TINYPROXY,
  PASSWORD,
  startHttpsProxy,
  startMicrosocks,
  startSquid,
  startTinyproxy,
  USER,
} from './corporate-proxies.ts';

/** A way to have a proxy before the upstream, each a program that nobody here wrote. */
export interface CorporateKind {
  readonly name: string;
  readonly present: boolean;
  readonly start: () => Promise<{ proxy: CorporateProxy; url: string; caPem?: string }>;
}

const login = `${USER}:${PASSWORD}@`;
export const CORPORATE_KINDS: readonly CorporateKind[] = [
  {
    name: 'http:// (skipped without tinyproxy)',
    present: HAS_TINYPROXY,
    start: async () => {
      const proxy = await startTinyproxy(false);
      return { proxy, url: `http://127.0.0.1:${proxy.port}` };
    },
  },
  {
    name: 'http:// with a password (skipped without tinyproxy)',
    present: HAS_TINYPROXY,
    start: async () => {
      const proxy = await startTinyproxy(true);
      return { proxy, url: `http://${login}127.0.0.1:${proxy.port}` };
    },
  },
  {
    name: 'https:// of squid (skipped without squid-openssl)',
    present: HAS_SQUID,
    start: async () => {
      const proxy = await startSquid();
      return { proxy, url: `https://localhost:${proxy.port}`, caPem: proxy.caPem };
    },
  },
  {
    name: 'https://',
    present: true,
    start: async () => {
      const proxy = await startHttpsProxy();
      return { proxy, url: `https://localhost:${proxy.port}`, caPem: proxy.caPem };
    },
  },
  {
    name: 'socks5h:// (skipped without microsocks)',
    present: HAS_MICROSOCKS,
    start: async () => {
      const proxy = await startMicrosocks(false);
      return { proxy, url: `socks5h://127.0.0.1:${proxy.port}` };
    },
  },
  {
    name: 'socks5:// with a password (skipped without microsocks)',
    present: HAS_MICROSOCKS,
    start: async () => {
      const proxy = await startMicrosocks(true);
      return { proxy, url: `socks5://${login}127.0.0.1:${proxy.port}` };
    },
  },
];
