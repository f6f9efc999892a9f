import type { Call } from '../../http/call.ts';
import { httpDate } from './http-date.ts';
import { refusalReply } from '../../http/answer/refusal-reply.ts';
import { writeResponseHead } from '../../protocols/http1/message-writer.ts';
import type { Refusal } from '../../refusal.ts';

/** The whole HTTP/1.1 answer to a refused CONNECT, which ends its connection; notes the status on the call. */
export function bareReply(refusal: Refusal, call: Call): Buffer {
  const pieces: Buffer[] = [];
  refusalReply(refusal, call, undefined, {
    sendHead: (status, reason, headers) => {
      headers.append('Date', httpDate(Date.now()));
      headers.set('Connection', 'close');
      pieces.push(Buffer.from(writeResponseHead(status, reason, headers), 'latin1'));
    },
    sendBody: (bytes) => pieces.push(bytes),
    sendEnd: () => {},
    flush: () => true,
  });
  return Buffer.concat(pieces);
}
