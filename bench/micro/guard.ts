/**
 * What the guards of a request's body take, by what is in it: the least of many slices, which what else runs on the machine cannot
 * make longer.
 *
 *     npx esbuild bench/micro/guard.ts --bundle --platform=node --format=esm --outfile=/tmp/guard.mjs && node /tmp/guard.mjs
 */
import { methodGuardFor } from '../../proxy/credentials/injection/method-guard.ts';
import { PlaceholderGuard } from '../../proxy/credentials/injection/placeholder-guard.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { RequestInContent } from '../../proxy/protocols/http1/request-in-content.ts';
import { chatBody } from '../load/upload.ts';
import { type MicroCase, printLeast } from './least.ts';

const BODY_BYTES = 100_000;
const READ_BYTES = 65_536;

function filled(piece: string): string {
  return piece.repeat(Math.ceil(BODY_BYTES / piece.length)).slice(0, BODY_BYTES);
}

const row = {
  id: 18_273,
  chunk_size: 2005,
  max_output: 0.5,
  path: '/srv/app/http/main.ts',
  at: '2026-11-27T12:00:00Z',
};
const code = 'if (this.#max_messages > 0) return "C:\\\\temp\\\\new"; // 100 % of "max_model_len"\n';
const binary = Buffer.from(Array.from({ length: BODY_BYTES }, (_, at) => (at * at * 31 + (at >> 3) * 7) & 0xff));
const PART = '--x\r\nContent-Disposition: form-data; name="';
const MULTIPART = 'multipart/form-data; boundary=x';

const BODIES: Record<string, readonly [type: string, body: string | Buffer]> = {
  'json, prose': ['application/json', chatBody(BODY_BYTES)],
  'json, short': ['application/json', chatBody(2_000)],
  'json, rows': ['application/json', filled(`${JSON.stringify(row)},`)],
  'json, code': ['application/json', filled(`${JSON.stringify(code)},`)],
  'json, base64': ['application/json', `{"data":"${binary.toString('base64').slice(0, BODY_BYTES)}"}`],
  'form, fields': ['application/x-www-form-urlencoded', filled('name=a+value+with+blanks&other_name=caf%C3%A9&')],
  'form, a long value': [
    'application/x-www-form-urlencoded',
    `text=${filled('a+value+of+words%2C+and+of+%22quotes%22.+')}`,
  ],
  'multipart, a file': [MULTIPART, `${PART}file"; filename="a.txt"\r\n\r\n${filled(code)}\r\n--x--\r\n`],
  'multipart, fields': [MULTIPART, filled(`${PART}some_field"\r\n\r\na value of words\r\n`)],
  text: ['text/plain', filled(code)],
  binary: ['application/octet-stream', binary],
};

const cases: MicroCase[] = [];
for (const [name, [type, text]] of Object.entries(BODIES)) {
  const body = Buffer.from(text);
  const headers = HeaderList.from([['Content-Type', type]]);
  const guards: Record<string, () => (bytes: Buffer) => void> = {
    placeholders: () => {
      const guard = new PlaceholderGuard(headers);
      return (bytes) => guard.push(bytes);
    },
    methods: () => {
      const guard = methodGuardFor('POST', headers);
      return (bytes) => guard?.push(bytes);
    },
    requests: () => {
      const content = new RequestInContent('POST');
      return (bytes) => content.read(bytes);
    },
  };
  for (const [guard, begin] of Object.entries(guards)) {
    const run = (): void => {
      const push = begin();
      for (let at = 0; at < body.length; at += READ_BYTES) push(body.subarray(at, at + READ_BYTES));
    };
    cases.push({ name: `${name}: ${guard}`, run });
  }
}

printLeast(cases);
