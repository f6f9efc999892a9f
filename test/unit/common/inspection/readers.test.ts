import { describe, expect, it } from 'vitest';
import { parseForm } from '../../../../common/inspection/form.ts';
import { readGraphql } from '../../../../common/inspection/graphql.ts';
import { readPointer, selectMembers, writePointer } from '../../../../common/inspection/json-pointer.ts';

describe('parseForm', () => {
  it('decodes names and values', () => {
    expect(parseForm('Action=Get%20It&a+b=%C3%A9&c&=d&e==f=&expand[]=x&expand[]=y&')).toEqual([
      { name: 'Action', value: 'Get It' },
      { name: 'a b', value: 'é' },
      { name: 'c', value: '' },
      { name: '', value: 'd' },
      { name: 'e', value: '=f=' },
      { name: 'expand[]', value: 'x' },
      { name: 'expand[]', value: 'y' },
    ]);
  });

  it('takes 1,000 fields', () => {
    expect(parseForm(Array.from({ length: 1_000 }, (_, at) => `a${at}`).join('&'))).toHaveLength(1_000);
  });

  it.each([
    ['a=1&a=2'],
    ['a=1&%61=2'],
    ['a=1;b=2'],
    ['a=%zz'],
    ['a=%c3'],
    ['a=\u00e9'],
    ['a=1 2'],
    [`${'&'.repeat(1_000)}a`],
  ])('refuses %s', (text) => {
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'unreadable' }));
  });
});

describe('JSON pointers', () => {
  const value = { a: { b: 1, c: 2 }, d: [{ e: 1 }], 'x/y~': 3 };

  it.each([
    [['/a/b'], { a: { b: 1 } }],
    [['/a/b', '/a/c'], { a: { b: 1, c: 2 } }],
    [['/a/b', '/a'], { a: { b: 1, c: 2 } }],
    [['/a', '/a/b'], { a: { b: 1, c: 2 } }],
    [['/a/b', '/missing/c', '/d', '/d/e'], { a: { b: 1 }, d: [{ e: 1 }] }],
    [['/a/b', ''], value],
    [['/d/0'], {}],
    [['/d/e', '/d'], { d: [{ e: 1 }] }],
    [['/missing/b', '/a/b/c'], { a: {} }],
    [['/x~1y~0'], { 'x/y~': 3 }],
    [[''], value],
    [['/__proto__/x'], {}],
  ])('%j selects', (pointers, expected) => {
    const selected = selectMembers(value, pointers.map(readPointer));
    expect(JSON.parse(JSON.stringify(selected))).toEqual(expected);
    expect(pointers.map((one) => writePointer(readPointer(one)))).toEqual(pointers);
  });

  it.each([['/A'], ['/a/B'], ['/X~1y~0']])('%s is refused where it differs from a member in case alone', (pointer) => {
    const pointers = ['/missing', '/a/missing', pointer].map(readPointer);
    expect(() => selectMembers(value, pointers)).toThrow('case alone');
  });

  it('keeps a member named __proto__ as a member', () => {
    const hostile: unknown = JSON.parse('{"__proto__":{"x":1}}');
    expect(JSON.stringify(selectMembers(hostile, [['__proto__', 'x']]))).toBe('{"__proto__":{"x":1}}');
  });
});

describe('readGraphql', () => {
  const post = (query: string, operationName?: string) => readGraphql('POST', [], () => ({ query, operationName }));

  it.each([
    ['{ viewer { login } }', 'query', '', ['viewer']],
    ['mutation M { alias: createIssue { id } other: createIssue { id } }', 'mutation', 'M', ['createIssue']],
    [
      'query Q { ...F ... on Query { c } } fragment F on Query { a ...G } fragment G on Query { b ...F }',
      'query',
      'Q',
      ['a', 'b', 'c'],
    ],
    ['subscription { s }', 'subscription', '', ['s']],
    ['query { a @skip(if: true) """not a string""": b }', undefined, undefined, undefined],
    ['query Q { a @include(if: false) }', 'query', 'Q', ['a']],
    ['# mutation { x }\nquery { a }', 'query', '', ['a']],
    ['query($v: String = "mutation { x }") { a(b: $v) }', 'query', '', ['a']],
  ])('%s', (query, type, name, fields) => {
    if (type === undefined) expect(() => post(query)).toThrow('cannot be parsed');
    else expect(post(query)).toEqual({ operationType: type, operationName: name, rootFields: fields });
  });

  it('reads the one operation that there is', () => {
    expect(post('query A { a ...Missing }', '')).toMatchObject({ operationName: 'A', rootFields: ['a'] });
    expect(post('query A { a }', 'A')).toMatchObject({ operationName: 'A' });
    const nothing = { query: '{ a }', operationName: null, extensions: null };
    expect(readGraphql('POST', [], () => nothing).rootFields).toEqual(['a']);
    for (const name of ['B', 'a']) expect(() => post('query A { a }', name)).toThrow('does not hold');
    for (const both of ['query A { a } mutation B { b }', 'query A { a } mutation A { b }', '{ a } { b }']) {
      for (const name of [undefined, '', 'A', 'B']) expect(() => post(both, name)).toThrow('one operation alone');
    }
  });

  it.each([
    ['a name that is none', { query: '{ a }', operationName: 7 }],
    ['a member that is unknown', { query: '{ a }', Query: '{ b }' }],
    ['types beside a query', { query: 'type A { a: Int } query { a }' }],
    ['a fragment that is defined twice', { query: '{ ...F } fragment F on Q { a } fragment F on Q { b }' }],
    ['a batch', [{ query: '{ a }' }]],
    ['a stored document beside a query', { query: '{ a }', extensions: { persistedQuery: { sha256Hash: 'x' } } }],
    ['extensions as text', { query: '{ a }', extensions: '{"persistedQuery":{"sha256Hash":"x"}}' }],
    ['the id of a stored document', { id: 'x', query: '{ a }' }],
    ['no query', { variables: {} }],
    ['type definitions', { query: 'type Query { a: Int }' }],
    ['an endless nest', { query: '{a'.repeat(4_000) }],
    ['too many tokens', { query: `{ ${'a '.repeat(6_000)} }` }],
  ])('refuses %s', (_title, body) => {
    expect(() => readGraphql('POST', [], () => body)).toThrow(expect.objectContaining({ code: 'unreadable' }));
  });

  it('reads GET from the URL, and refuses a URL that speaks beside a body', () => {
    const parameters = parseForm('query=mutation%7Ba%7D');
    expect(readGraphql('GET', parameters, () => undefined)).toMatchObject({ operationType: 'mutation' });
    expect(() => readGraphql('POST', parameters, () => ({ query: '{ b }' }))).toThrow('disagree');
    expect(() => readGraphql('PUT', [], () => ({ query: '{ b }' }))).toThrow('POST and GET');
    expect(() => readGraphql('POST', [], () => [{ query: '{ b }' }])).toThrow('batch');
    for (const name of ['Query', 'query[]', 'operation_name', 'operationname', 'Extensions']) {
      const respelled = [...parameters.slice(1), { name, value: '{ b }' }];
      const isOther = name !== 'operation_name';
      const why = isOther ? 'more than one way' : 'more than a request';
      expect(() => readGraphql('GET', respelled, () => undefined), name).toThrow(why);
      if (isOther) expect(() => readGraphql('POST', respelled, () => ({ query: '{ b }' })), name).toThrow(why);
    }
  });
});

describe('ids of stored documents', () => {
  it.each([
    '{"persistedQuery":{"sha256Hash":"x"}}',
    String.raw`{"persisted\u0051uery":{"sha256Hash":"x"}}`,
    '{"PersistedQuery":{"sha256Hash":"x"}}',
    '["persistedQuery"]',
  ])('the extensions %s are refused in the URL', (extensions) => {
    const parameters = parseForm(`query=%7Bok%7D&extensions=${encodeURIComponent(extensions)}`);
    expect(() => readGraphql('GET', parameters, () => undefined)).toThrow(
      expect.objectContaining({ code: 'unreadable' }),
    );
  });

  it('other extensions may stand there', () => {
    const parameters = parseForm(`query=%7Bok%7D&extensions=${encodeURIComponent('{"tracing":true}')}`);
    expect(readGraphql('GET', parameters, () => undefined).rootFields).toEqual(['ok']);
  });

  it.each(['documentId', 'doc_id', 'id', 'queryId', 'hash', 'DocumentID', 'id[0]'])(
    '%s is refused in the URL',
    (name) => {
      const parameters = parseForm(`query=%7Bok%7D&${name}=sha256:abc`);
      expect(() => readGraphql('GET', parameters, () => undefined)).toThrow('more than a request');
      expect(() => readGraphql('POST', parameters.slice(1), () => ({ query: '{ ok }' }))).toThrow('a stored document');
    },
  );

  it('other parameters may stand beside a body', () => {
    expect(readGraphql('POST', parseForm('api-version=1'), () => ({ query: '{ ok }' })).rootFields).toEqual(['ok']);
  });
});
