import { OutboundError } from '../../control-plane/outbound/https-fetcher.ts';
import type { OutboundAnswer, OutboundFetcher, OutboundRequest } from '../../control-plane/outbound/https-fetcher.ts';

/** Answers by URL with JSON, and keeps what was asked. A URL without an answer cannot be reached. */
export class FakeFetcher implements OutboundFetcher {
  readonly asked: OutboundRequest[] = [];
  readonly answers = new Map<string, unknown>();

  async fetch(request: OutboundRequest): Promise<OutboundAnswer> {
    this.asked.push(request);
    const found = this.answers.get(request.url);
    if (found === undefined) throw new OutboundError('outbound-failed', 'cannot reach it');
    const answer: unknown = typeof found === 'function' ? await found(request) : found;
    const status = typeof answer === 'object' && answer !== null && 'error' in answer ? 400 : 200;
    return { status, body: JSON.stringify(answer) };
  }

  async close(): Promise<void> {}
}
