import type { Row } from '../bench.ts';
import { http1Rows } from './http1.ts';
import { scrubRows } from './scrub.ts';

/** In the order of the results. A name of --rows chooses all rows that begin with it. */
export const ROWS: readonly Row[] = [...http1Rows, ...scrubRows];
