import { UsageError } from '../common/errors.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from './limits.ts';

/** One limit by the name that configuration uses: `maxHeadBytes`, `http2.maxConcurrentStreams`. */
export interface LimitName {
  readonly name: string;
  readonly defaultValue: number;
}

/** Every limit there is, in the order of `DEFAULT_LIMITS`. */
export const LIMIT_NAMES: readonly LimitName[] = Object.entries(DEFAULT_LIMITS).flatMap(([name, value]) =>
  typeof value === 'number' ? { name, defaultValue: value } : namesWithin(name, value),
);

/** Below these the protocol itself does not work (RFC 9113 6.5.2). */
const LEAST: Readonly<Record<string, number>> = {
  'http2.maxFrameBytes': 16_384,
};

const MAX_31_BITS = 0x7fff_ffff;
/** Nor above these (RFC 9113 6.5.2, 6.9.1). */
const MOST: Readonly<Record<string, number>> = {
  'http2.maxFrameBytes': 0xff_ffff,
  'http2.streamWindowBytes': MAX_31_BITS,
  'http2.maxStreamWindowBytes': MAX_31_BITS,
};

/**
 * Limits from settings such as `maxConnections=10000`.
 *
 * @throws UsageError `limit-invalid` for a name that is none, or a value that is not a whole number in its range
 */
export function parseLimits(settings: readonly string[]): Partial<ProxyLimits> {
  const plain: Record<string, number> = {};
  const groups: Record<string, Record<string, number>> = {};
  for (const setting of settings) {
    const [name = '', text = ''] = setting.split('=', 2);
    if (!LIMIT_NAMES.some((known) => known.name === name)) {
      throw new UsageError(
        'limit-invalid',
        `--limit: there is no limit "${name}"; docs/reference/limits.md lists them`,
      );
    }
    const value = Number(text);
    if (!/^[1-9][0-9]{0,14}$/.test(text)) {
      throw new UsageError('limit-invalid', `--limit ${name}: give a whole number above zero`);
    }
    const least = LEAST[name] ?? 1;
    if (value < least) throw new UsageError('limit-invalid', `--limit ${name}: give ${least} or more`);
    // A longer timer fires at once.
    const most = MOST[name] ?? (name.endsWith('Ms') ? MAX_31_BITS : Number.POSITIVE_INFINITY);
    if (value > most) throw new UsageError('limit-invalid', `--limit ${name}: give ${most} or less`);
    const dot = name.indexOf('.');
    if (dot < 0) plain[name] = value;
    else (groups[name.slice(0, dot)] ??= {})[name.slice(dot + 1)] = value;
  }
  const { http2, webSocket } = groups;
  return {
    ...plain,
    ...(http2 && { http2: { ...DEFAULT_LIMITS.http2, ...http2 } }),
    ...(webSocket && { webSocket: { ...DEFAULT_LIMITS.webSocket, ...webSocket } }),
  };
}

function namesWithin(group: string, limits: Record<string, number>): LimitName[] {
  return Object.entries(limits).map(([name, defaultValue]) => ({ name: `${group}.${name}`, defaultValue }));
}
