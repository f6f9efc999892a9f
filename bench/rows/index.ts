import type { Row } from '../bench.ts';
import { grpcRow } from './grpc.ts';
import { http1Rows } from './http1.ts';
import { http2Rows } from './http2.ts';
import { memoryRow } from './memory.ts';
import { newConnectionRows } from './new-connections.ts';
import { scrubRows } from './scrub.ts';
import { sseRow } from './sse.ts';
import { startupRow } from './startup.ts';
import { transparentRow } from './transparent.ts';
import { websocketRow } from './websocket.ts';

/** In the order of the results. A name of --rows chooses all rows that begin with it. */
export const ROWS: readonly Row[] = [
  ...http1Rows,
  ...scrubRows,
  ...newConnectionRows,
  ...http2Rows,
  grpcRow,
  websocketRow,
  sseRow,
  transparentRow,
  memoryRow,
  startupRow,
];
