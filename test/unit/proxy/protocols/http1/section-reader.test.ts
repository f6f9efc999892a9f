import { describe, expect, it } from 'vitest';
import { RequestReader, ResponseReader } from '../../../../../proxy/protocols/http1/message-reader.ts';
import { SectionReader } from '../../../../../proxy/protocols/http1/section-reader.ts';

const SECTION = 'Host: a.example\r\nX-A: one\r\nContent-Length: 3\r\n';

describe('a repeated header section', () => {
  it('reads alike however often it comes, each time as a list of its own', () => {
    const reader = new SectionReader('request', 10);
    for (let time = 0; time < 5; time += 1) {
      const { headers, fields } = reader.read(`GET /${time} HTTP/1.1\r\n${SECTION}`, 17, '1.1');
      expect([...headers.entries()]).toEqual([
        ['Host', 'a.example'],
        ['X-A', 'one'],
        ['Content-Length', '3'],
      ]);
      expect(fields).toMatchObject({ host: 'a.example', framing: { kind: 'length', length: 3 } });
      headers.set('x-a', 'changed by the caller');
      headers.delete('host');
      headers.append('Authorization', 'added by the caller');
    }
  });

  it.each([
    ['another value', SECTION.replace('one', 'two'), 'two'],
    ['the start of it', SECTION.replace('Content-Length: 3\r\n', ''), 'one'],
    ['one that goes on', `${SECTION}X-B: c\r\n`, 'one'],
  ])('is not taken for one with %s', (_, other, value) => {
    const reader = new SectionReader('request', 10);
    for (let time = 0; time < 3; time += 1) reader.read(SECTION, 0, '1.1');
    const { headers } = reader.read(other, 0, '1.1');
    expect(headers.get('x-a')).toBe(value);
    expect(headers.size).toBe(other.split('\r\n').length - 1);
    expect(reader.read(SECTION, 0, '1.1').headers.size).toBe(3);
  });

  it('means in HTTP/1.0 what it means there', () => {
    const reader = new SectionReader('request', 10);
    const chunked = 'Host: a.example\r\nTransfer-Encoding: chunked\r\n';
    for (let time = 0; time < 3; time += 1) reader.read(chunked, 0, '1.1');
    expect(() => reader.read(chunked, 0, '1.0')).toThrow('Transfer-Encoding in HTTP/1.0');
  });

  it('is refused as often as it comes', () => {
    const reader = new SectionReader('request', 1);
    for (let time = 0; time < 3; time += 1) expect(() => reader.read(SECTION, 0, '1.1')).toThrow('more than 1 header');
  });

  it('is read again when it is long, and alike', () => {
    const reader = new SectionReader('response', 10);
    const long = `X-Long: ${'x'.repeat(4_000)}\r\n`;
    for (let time = 0; time < 3; time += 1)
      expect(reader.read(long, 0, '1.1').headers.get('x-long')).toHaveLength(4_000);
  });
});

describe('messages with one header section', () => {
  it('keep their own method, target and body', () => {
    const reader = new RequestReader();
    for (const [method, target] of [
      ['POST', '/a'],
      ['PUT', '/b'],
      ['POST', '/c'],
      ['PATCH', '/d'],
    ]) {
      reader.receive(Buffer.from(`${method} ${target} HTTP/1.1\r\n${SECTION}\r\nabc`));
      expect(reader.next()).toMatchObject({ head: { method, target, framing: { length: 3 } } });
      expect(reader.next()).toMatchObject({ type: 'body', bytes: Buffer.from('abc') });
      expect(reader.next()).toMatchObject({ type: 'end' });
    }
  });

  it('are framed by their own status and the method that they answer', () => {
    const reader = new ResponseReader();
    for (const [method, status, kind] of [
      ['GET', 200, 'length'],
      ['HEAD', 200, 'none'],
      ['GET', 200, 'length'],
      ['GET', 304, 'none'],
    ] as const) {
      reader.expect(method);
      reader.receive(Buffer.from(`HTTP/1.1 ${status} OK\r\nContent-Length: 3\r\n\r\n${kind === 'none' ? '' : 'abc'}`));
      expect(reader.next()).toMatchObject({ head: { status, framing: { kind } } });
      while (reader.next()?.type !== 'end');
    }
  });
});
