/**
 * gRPC, and what is said over it. With HTTP/2 under it it takes an eighth of a start, so it is loaded when the first attestation
 * asks for it: a proxy listens before (docs/performance.md). Nothing else here imports any of it but as a type.
 */
export { credentials, Metadata } from '@grpc/grpc-js';
export {
  ProxyServiceClient,
  ProxyServiceService,
  ReportDecisionsRequest,
  WatchEvent,
} from '../proto/gen/sidekey/v1/proxy.ts';
