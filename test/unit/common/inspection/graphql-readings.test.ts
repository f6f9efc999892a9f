import { describe, expect, it } from 'vitest';
import { readGraphql } from '../../../../common/inspection/graphql.ts';

const read = (query: string, operationName?: string) => readGraphql('POST', [], () => ({ query, operationName }));
const unreadable = (why: string): unknown =>
  expect.objectContaining({ code: 'unreadable', message: expect.stringContaining(`in more than one way: ${why}`) });

// graphql-go (Go) reads on behind a name as many bytes too early as comments in front of it have more than characters.
describe('a comment beyond ASCII', () => {
  it.each([
    ['in front of a shorthand', '# für alle\n{ viewer { name } }'],
    ['in front of an operation', '# für alle\nquery { viewer { name } }'],
    ['in front of one with a name', '# für alle\nquery Viewer { viewer { name } }'],
    ['that is longer than all behind it', `# ${'テスト'.repeat(20)}\nquery Q { viewer { name } }`],
    ['in front of a field below the root', '{ viewer {\n # für\n name\n # größer\n login } }'],
    ['in front of a field at the root, in letters of more bytes', '{\n # 利用者\n viewer { name } }'],
    ['in front of what is no name', '{ viewer # für\n { name # é\n } # é\n } # é'],
    ['in front of an argument', '{ viewer(\n # für\n id: 1) { name } }'],
    ['in front of a fragment', '{ ...F }\n# für\nfragment F on Query { viewer }'],
    ['with an emoji', '{ viewer { # 🎉\n name } }'],
  ])('%s is read', (_title, query) => {
    expect(read(query)).toMatchObject({ operationType: 'query', rootFields: ['viewer'] });
  });

  it.each([
    ['in front of a field at the root', '{\n # für\n viewer { name } }', 'it has a comment beyond ASCII in front'],
    ['whose second half is a field', '{ viewer\n # éé\n wipe: viewer }', 'it has a comment beyond ASCII in front'],
    ['in front of the alias of a field', '{ # éééé\n wipe: viewer }', 'it has a comment beyond ASCII in front'],
    ['in front of a field of a fragment', '{ ...F } fragment F on Query { # é\n viewer }', 'it has a comment beyond'],
    ['that ends with words', `{ # ${'é'.repeat(12)} wipe\n viewer }`, 'it has a comment beyond ASCII in front'],
    [
      'that ends with brackets',
      `{ viewer(a: [# ${'é'.repeat(12)} ]) wipe(b: [\n A]) }`,
      'it has a comment beyond ASCII that',
    ],
    [
      'that ends with text',
      `{ viewer(a: [# ${'é'.repeat(19)} "é"]) wipe(b: [\n A]) }`,
      'it has a comment beyond ASCII that',
    ],
    ['with a line separator', '{ viewer { name # é\u2028 id\n } }', 'it has a control character'],
    ['with a paragraph separator', '{ viewer { name #\u2029 id\n } }', 'it has a control character'],
    ['with what ends a line elsewhere', '{ viewer { name #\u0085 id\n } }', 'it has a control character'],
    ['with a character without width', '{ viewer { name #\u200b id\n } }', 'it has a control character'],
  ])('%s is not', (_title, query, why) => {
    expect(() => read(query)).toThrow(unreadable(why));
  });
});

it('a document that graphql-go reads as a longer one is not too long for that', () => {
  // Of 5,000 tokens at most, whose comment makes one more.
  for (const count of [4_993, 4_994, 4_995]) {
    expect(() => read(`{ # é\n wipe: viewer ${'a '.repeat(count)}}`)).toThrow(
      unreadable('it has a comment beyond ASCII'),
    );
  }
  const words = 'a '.repeat(600);
  expect(() => read(`{ viewer # ${'é'.repeat(1_100)} ${words}\n b }`)).toThrow(
    unreadable('it has a comment beyond ASCII'),
  );
});

describe('a quote in a block string', () => {
  it.each([
    ['of an argument', '{ viewer(s: """He said "hi" to us.""") { name } }'],
    ['of a field of an input', '{ viewer(s: { t: """{"a": "b"}""" }) { name } }'],
    ['of a default', 'query Q($s: String = """a "b" c""") { viewer(s: $s) }'],
    ['over lines', '{ viewer(s: """\n  "a"\n  b\\c\n""") { name } }'],
  ])('%s is read', (_title, query) => {
    expect(read(query)).toMatchObject({ rootFields: ['viewer'] });
  });

  it.each([
    ['of a list, where older servers read many', '{ viewer(s: ["""a"]) wipe(s: ["b"""]) }'],
    ['of a list, behind another', '{ viewer(s: [1 """a "b" c"""]) }'],
    ['beside another', '{ viewer(s: """a ""b"" c""") }'],
    ['behind a backslash', '{ viewer(s: """a \\"b c""") }'],
    ['that is escaped', '{ viewer(s: """a \\""" c""") }'],
    ['at its start', '{ viewer(s: """"a" c""") }'],
  ])('%s is not', (_title, query) => {
    expect(() => read(query)).toThrow(unreadable('it has a quote in a block string'));
  });
});
