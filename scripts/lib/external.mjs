/** What no bundle holds. */
export const EXTERNAL = [
  // Found at run time, next to the bundles: native code, and WebAssembly with its own data files.
  'koffi',
  '@electric-sql/pglite',
  'pg-native',
  // Asked for by gRPC's own introspection services alone, which nothing here offers: an eighth of the proxy.
  '@grpc/proto-loader',
];

/** The proxy is one bundle, with a code cache: others load it, from `path` as seen from their output. */
export function proxyBundleAt(path) {
  return {
    name: 'proxy-bundle',
    setup({ onResolve }) {
      onResolve({ filter: /\/proxy\/main\.ts$/ }, () => ({ path, external: true }));
    },
  };
}
