/** What no bundle holds. */
export const EXTERNAL = [
  // Found at run time, next to the bundles: native code, and WebAssembly with its own data files.
  'koffi',
  '@electric-sql/pglite',
  'pg-native',
  // Asked for by gRPC's own introspection services alone, which nothing here offers: an eighth of the proxy.
  '@grpc/proto-loader',
];
