import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnswerFilter } from '../../proxy/inspection/answer-filter.ts';
import { JsonListFilter, StreamListFilter } from '../../proxy/inspection/list-filter.ts';
import { SecretMasker } from '../../proxy/inspection/secret-masker.ts';
import { Refusal } from '../../proxy/refusal.ts';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(4);
const DEADLINE_MS = (SECONDS + 30) * 1000;

const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });

function* settle(filter: AnswerFilter): Generator<Buffer> {
  for (let asked = filter.asks; asked !== undefined; asked = filter.asks)
    yield* filter.answer(asked.map(({ name }) => name !== 'no'));
}

/** What an agent is told by a filter that lets nothing of the name "no" pass; undefined: it is refused. */
function filtered(filter: AnswerFilter, pieces: readonly Buffer[]): string | undefined {
  const out: Buffer[] = [];
  try {
    for (const piece of pieces) {
      out.push(...filter.push(piece), ...settle(filter));
    }
    out.push(...filter.end(), ...settle(filter));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
  return Buffer.concat(out).toString();
}

const broken = fc
  .array(fc.oneof(fc.constantFrom(...'{}[],:"\\ \n', 'true', '"a":', '\\ud800'), fc.string({ maxLength: 3 })), {
    maxLength: 20,
  })
  .map((pieces) => pieces.join(''));
const streamText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['data:', 'data: ', 'event: message', 'event: endpoint', 'id: 1', ': x', '\n', '\r', '\r\n', '\n\n', '['],
        ...['{"result":{"tools":[{"name":"no"},{"name":"ok"}]}}', '{"result":{}}', '\ufeff'],
      ),
      broken,
    ),
    { maxLength: 20 },
  )
  .map((pieces) => pieces.join(''));

test('a stream is filtered alike on every cut, and no name that is refused passes', { timeout: DEADLINE_MS }, () => {
  fc.assert(
    fc.property(streamText, cuts, (text, sizes) => {
      const bytes = Buffer.from(text);
      // A cut between CR and LF ends one more empty line, which says nothing.
      const linesOf = (pieces: readonly Buffer[]) =>
        filtered(new StreamListFilter(), pieces)
          ?.replaceAll(/\r\n?/g, '\n')
          .replaceAll(/\n{2,}/g, '\n\n');
      const once = linesOf([bytes]);
      expect(linesOf(cutInto(bytes, sizes))).toBe(once);
      // What is of this type is no message.
      const events = once?.split('\n\n') ?? [];
      for (const event of events.filter((one) => !one.includes('endpoint')))
        expect(event).not.toMatch(/^data: ?\{"result":\{"tools":.*"no"/m);
    }),
    TIME_BOX,
  );
});

/** What lists name their things by. */
const NAMED = [
  ['tools', 'name'],
  ['resources', 'uri'],
  ['resourceTemplates', 'uriTemplate'],
  ['prompts', 'name'],
] as const;
const plain = fc.oneof(
  fc.constantFrom<fc.JsonValue>(
    null,
    -1.5,
    1e300,
    true,
    'no',
    [],
    {},
    [{ name: 'no' }],
    { result: { tools: ['no'] } },
    '"]}',
  ),
  fc.string({ maxLength: 4 }),
);
const item = fc.oneof(
  { weight: 1, arbitrary: plain },
  {
    weight: 4,
    arbitrary: fc.dictionary(
      fc.constantFrom('name', 'Name', 'uri', 'uriTemplate', 'result', 'tools', 'x"],'),
      fc.oneof(fc.constantFrom('no', 'ok', 'n\u00f6', '],"no"'), plain),
      { maxKeys: 3 },
    ),
  },
);
const listed = fc.record({
  jsonrpc: fc.constant('2.0'),
  id: fc.nat(),
  result: fc.dictionary(
    fc.constantFrom('tools', 'resources', 'resourceTemplates', 'prompts', 'nextCursor', '_meta'),
    fc.oneof({ weight: 4, arbitrary: fc.array(item, { maxLength: 4 }) }, { weight: 1, arbitrary: plain }),
    { noNullPrototype: true },
  ),
  tools: fc.array(item, { maxLength: 2 }),
});
type Listed = typeof listed extends fc.Arbitrary<infer Value> ? Value : never;

function allowedOf({ result, ...rest }: Listed): unknown {
  const kept = Object.entries(result).map(([list, items]) => {
    const name = NAMED.find(([known]) => known === list)?.[1];
    if (name === undefined || !Array.isArray(items)) return [list, items] as const;
    const allowed = items.filter((one: unknown) => {
      const named = typeof one === 'object' && one !== null && !Array.isArray(one) && Object.hasOwn(one, name);
      const value: unknown = named ? (one as Record<string, unknown>)[name] : undefined;
      return typeof value === 'string' && value !== 'no';
    });
    return [list, allowed] as const;
  });
  return { ...rest, result: Object.fromEntries(kept) };
}

test('lists keep what is allowed and everything around it, whatever the blanks and the cuts', {
  timeout: DEADLINE_MS,
}, () => {
  const counts = { filtered: 0, refused: 0 };
  const property = fc.property(listed, fc.constantFrom(0, 1, '\t', ' \r\n '), cuts, (message, space, sizes) => {
    const text = JSON.stringify(message, undefined, space);
    const json = filtered(new JsonListFilter(), cutInto(Buffer.from(text), sizes));
    const event = text
      .split(/\r\n|\n/)
      .map((line) => `data: ${line}\n`)
      .join('');
    const told = filtered(new StreamListFilter(), cutInto(Buffer.from(`id: 1\n${event}\n`), sizes));
    counts[json === undefined ? 'refused' : 'filtered'] += 1;
    expect(told === undefined).toBe(json === undefined);
    if (json === undefined || told === undefined) return;
    const wanted = JSON.parse(JSON.stringify(allowedOf(message))) as unknown;
    expect(JSON.parse(json)).toEqual(wanted);
    const data = told.split('\n').filter((line) => line.startsWith('data: '));
    expect(JSON.parse(data.map((line) => line.slice(6)).join('\n'))).toEqual(wanted);
  });
  fc.assert(property, TIME_BOX);
  console.log(JSON.stringify(counts));
});

const secretBearing = fc.letrec<{ value: fc.JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    plain,
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('token', 'Token', 'other', 'tok\u0259n', '"token"'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** With the values of `token` masked: as many asterisks as bytes stand between the quotes, and 1 for each digit of a number. */
function masked(value: unknown, inSecret: boolean): unknown {
  if (typeof value === 'string') return inSecret ? '*'.repeat(Buffer.byteLength(JSON.stringify(value)) - 2) : value;
  if (typeof value === 'number' && inSecret) return Number(JSON.stringify(value).replaceAll(/\d/g, '1'));
  if (Array.isArray(value)) return value.map((one) => masked(one, inSecret));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, masked(one, inSecret || name.toLowerCase() === 'token')]),
  );
}

test('masking is the same on every cut, and hides the values and nothing else', { timeout: DEADLINE_MS }, () => {
  const types = fc.constantFrom('application/json', 'application/a+json', 'text/event-stream');
  fc.assert(
    fc.property(secretBearing, fc.constantFrom(0, 1, '\t'), types, cuts, (value, space, type, sizes) => {
      const bytes = Buffer.from(JSON.stringify(value, undefined, space));
      const told = filtered(new SecretMasker(['token'], type), cutInto(bytes, sizes));
      expect(told).toBe(JSON.stringify(masked(value, false), undefined, space));
    }),
    TIME_BOX,
  );
});

test('so it is in XML and forms, and keeps the length', { timeout: DEADLINE_MS }, () => {
  const markup = fc
    .array(
      fc.constantFrom(
        ...[
          '<token>',
          '</token>',
          '<a:token x=">',
          '<token/>',
          `<b token='secret'>`,
          '<b>',
          '<![CDATA[',
          ']]>',
          ']',
          '>',
          'secret',
          '<!-- -->',
        ],
        ...['token=', '&', '&token=', '=', 'a', '%3D'],
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join(''));
  const types = fc.constantFrom(
    'text/xml',
    'application/soap+xml',
    'application/x-www-form-urlencoded',
    'text/plain',
    '',
  );
  fc.assert(
    fc.property(markup, types, cuts, (text, type, sizes) => {
      const bytes = Buffer.from(text);
      const whole = filtered(new SecretMasker(['token'], type), [bytes]);
      expect(filtered(new SecretMasker(['token'], type), cutInto(bytes, sizes))).toBe(whole);
      expect(whole).toHaveLength(text.length);
      if (type.includes('xml') && !text.includes('<!')) {
        for (const [, held] of whole?.matchAll(/<token>([^<]*)/g) ?? []) expect(held).toMatch(/^\**$/);
        expect(whole).not.toContain(`<b token='s`);
      }
      if (type.includes('form')) expect(`&${whole}`).not.toMatch(/&token=[^&*]/);
    }),
    TIME_BOX,
  );
});
