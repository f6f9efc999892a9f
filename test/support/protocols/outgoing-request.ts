import type { OutgoingRequest, ResponseListener } from '../../../proxy/http/streams.ts';
import { HeaderList } from '../../../proxy/protocols/header-list.ts';

/** A GET without content, as it leaves for an upstream. */
export function outgoingGet(): OutgoingRequest {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'api.test',
    target: '/',
    headers: new HeaderList(),
    length: 'none',
    acceptsTrailers: false,
    sensitive: new Set(),
  };
}

/** Who asks for an answer and is not interested in it. */
export const DEAF: ResponseListener = {
  onInformational: () => {},
  onResponseHead: () => {},
  onResponseBody: () => {},
  onResponseEnd: () => {},
  onUpstreamDrain: () => {},
  onReadDone: () => {},
  onUpstreamError: () => {},
};
