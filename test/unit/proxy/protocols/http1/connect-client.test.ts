import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { ConnectClient } from '../../../../../proxy/protocols/http1/connect-client.ts';
import { playTunnel } from '../../../../support/protocols/tunnel-play.ts';

const client = (host = 'api.test') => new ConnectClient({ host, port: 443 }, undefined);

describe('the CONNECT client', () => {
  test('asks by name, with credentials when it has some', () => {
    expect(client().start().toString()).toBe('CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n');
    expect(client('2001:db8::1').start().toString()).toContain('CONNECT [2001:db8::1]:443 HTTP/1.1\r\n');
    const known = new ConnectClient({ host: 'h', port: 80 }, { user: 'ann', password: new Secret('s3cret:ü') });
    const expected = Buffer.from('ann:s3cret:ü').toString('base64');
    expect(known.start().toString()).toContain(`\r\nProxy-Authorization: Basic ${expected}\r\n`);
  });

  test.each([
    '1.1 200 Connection established\r\nContent-Length: 5\r\nVia: 1.1 squid',
    '1.1 204 X\r\nContent-Length: 5\r\nContent-Length: 6',
    '1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0',
    '1.0 200 Connection established\r\nTransfer-Encoding: chunked\r\nConnection: close',
  ])('any 2xx opens the tunnel, whatever it says of a body (RFC 9112 6.3), on every cut: %j', (head) => {
    const answer = `HTTP/${head}\r\n\r\nearly`;
    for (const played of playTunnel(client, [Buffer.from(answer)])) {
      expect(played).toEqual({ sent: [], rest: 'early', error: undefined });
    }
  });

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required', 'upstream-proxy-failed'],
    ['HTTP/1.1 403 Filtered', 'upstream-proxy-refused'],
    ['HTTP/1.1 500 Unable to connect', 'connect-failed'],
    ['HTTP/1.1 502 Bad Gateway', 'connect-failed'],
    ['HTTP/1.1 504 Gateway Timeout', 'connect-timeout'],
    ['HTTP/1.1 302 Found', 'upstream-proxy-failed'],
    ['HTTP/1.1 abc', 'upstream-proxy-failed'],
    ['SSH-2.0-OpenSSH_9.2', 'upstream-proxy-failed'],
  ])('%s is %s', (line, code) => {
    for (const played of playTunnel(client, [Buffer.from(`${line}\r\nContent-Length: 0\r\n\r\n`)])) {
      expect(played.error).toBe(code);
    }
  });

  test('a head without end is refused', () => {
    const endless = Buffer.from(`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_000)}`);
    expect(() => client().receive(endless)).toThrow('malformed');
  });
});
