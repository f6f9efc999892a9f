import type { UpstreamStream } from '../../../proxy/http/streams.ts';

/** A way to an upstream that takes all and never answers, but for what is given. */
export function silentUpstream(given: Partial<UpstreamStream> = {}): UpstreamStream {
  return {
    mayRefuse: false,
    address: '192.0.2.1',
    sendHead: () => {},
    sendBody: () => {},
    sendEnd: () => {},
    flush: () => true,
    pause: () => {},
    resume: () => {},
    upgrade: () => {},
    release: () => {},
    ...given,
  };
}
