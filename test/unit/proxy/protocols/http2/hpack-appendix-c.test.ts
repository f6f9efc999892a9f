import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../../../../proxy/protocols/http2/hpack-decoder.ts';

const LIMITS = { maxHeaderListBytes: 4_096, maxHeaderCount: 100 };

const FIRST = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const SECOND = [...FIRST, 'cache-control: no-cache'];
const THIRD = [
  ':method: GET',
  ':scheme: https',
  ':path: /index.html',
  ':authority: www.example.com',
  'custom-key: custom-value',
];
const dated = (seconds: number) => `date: Mon, 21 Oct 2013 20:13:${seconds} GMT`;
const answer = (status: number, seconds: number) => [
  `:status: ${status}`,
  'cache-control: private',
  dated(seconds),
  'location: https://www.example.com',
];
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const LAST = [
  ':status: 200',
  'cache-control: private',
  dated(22),
  'location: https://www.example.com',
  'content-encoding: gzip',
  COOKIE,
];

interface Vector {
  readonly section: string;
  readonly tableLimit?: number;
  /** Blocks of one connection: octets, fields, the table's size afterwards. */
  readonly blocks: readonly (readonly [string, string[], number])[];
}

const VECTORS: Vector[] = [
  {
    section: 'C.2.1 literal with indexing',
    blocks: [['400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key: custom-header'], 55]],
  },
  { section: 'C.2.2 literal without indexing', blocks: [['040c2f73616d706c652f70617468', [':path: /sample/path'], 0]] },
  {
    section: 'C.2.3 literal never indexed',
    blocks: [['100870617373776f726406736563726574', ['password: secret'], 0]],
  },
  { section: 'C.2.4 indexed', blocks: [['82', [':method: GET'], 0]] },
  {
    section: 'C.3 requests without Huffman code',
    blocks: [
      ['828684410f7777772e6578616d706c652e636f6d', FIRST, 57],
      ['828684be58086e6f2d6361636865', [...SECOND], 110],
      ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', THIRD, 164],
    ],
  },
  {
    section: 'C.4 requests with Huffman code',
    blocks: [
      ['828684418cf1e3c2e5f23a6ba0ab90f4ff', FIRST, 57],
      ['828684be5886a8eb10649cbf', [...SECOND], 110],
      ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', THIRD, 164],
    ],
  },
  {
    section: 'C.5 responses without Huffman code, evicting',
    tableLimit: 256,
    blocks: [
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        answer(302, 21),
        222,
      ],
      ['4803333037c1c0bf', answer(307, 21), 222],
      [
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
        LAST,
        215,
      ],
    ],
  },
  {
    section: 'C.6 responses with Huffman code, evicting',
    tableLimit: 256,
    blocks: [
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        answer(302, 21),
        222,
      ],
      ['4883640effc1c0bf', answer(307, 21), 222],
      [
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        LAST,
        215,
      ],
    ],
  },
];

describe('HPACK, RFC 7541 appendix C', () => {
  it.each(VECTORS)('$section', ({ tableLimit, blocks }) => {
    const decoder = new HpackDecoder(LIMITS);
    if (tableLimit !== undefined) {
      decoder.limitTable(tableLimit);
      const update = Buffer.from([0x3f, ((tableLimit - 31) & 127) | 128, (tableLimit - 31) >> 7]);
      decoder.decode(update, 0, update.length);
    }
    for (const [octets, fields, tableBytes] of blocks) {
      const bytes = Buffer.from(octets, 'hex');
      decoder.decode(bytes, 0, bytes.length);
      expect(decoder.fields.map(({ name, value }) => `${name}: ${value}`)).toEqual(fields);
      expect(decoder.tableBytes).toBe(tableBytes);
    }
  });

  it('C.2.3 tells which names came as never indexed', () => {
    const decoder = new HpackDecoder(LIMITS);
    const bytes = Buffer.from('100870617373776f7264067365637265744003612d620163', 'hex');
    decoder.decode(bytes, 0, bytes.length);
    expect([...decoder.sensitive]).toEqual(['password']);
  });
});
