import { expect, test } from 'vitest';
import {
  buildDestination,
  connectTarget,
  type Transport,
  whereTo,
} from '../../../../../proxy/http/request/destination.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { NO_BODY } from '../../../../../proxy/protocols/heads.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';

/** Everything that names a destination, and what becomes of it. */

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly stream?: readonly [scheme: string, authority: string];
  readonly origin?: string;
}

/** The destination in one line, or why it is refused. */
function verdict(transport: Transport, { method = 'GET', target = '/x', host, stream, origin }: Asked): string {
  const headers = new HeaderList();
  if (host !== undefined) headers.append('host', host);
  if (origin !== undefined) headers.append('origin', origin);
  const pseudo = stream && { scheme: stream[0], authority: stream[1], protocol: undefined };
  const head = { method, target, version: '1.1', headers, framing: NO_BODY, keepAlive: true } as const;
  try {
    const built = buildDestination(transport, { ...head, expectContinue: false, ...(pseudo && { pseudo }) });
    return `${built.scheme} ${built.host} ${built.port} ${built.authority} ${built.path}`;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.reason;
  }
}

const API = 'https api.test 443 api.test /x';

test.each<[Asked, string]>([
  [{ target: 'https://api.test/x' }, API],
  [{ target: 'https://api.test/x', host: 'api.test' }, API],
  [{ target: 'https://api.test/x', host: 'API.test:443' }, API],
  [{ target: 'http://api.test:8080/x', host: 'api.test:8080' }, 'http api.test 8080 api.test:8080 /x'],
  [{ target: 'https://api.test', host: 'api.test' }, 'https api.test 443 api.test /'],
  [{ target: 'https://api.test/x', host: 'other.test' }, 'destination-mismatch'],
  [{ target: 'https://api.test/x', host: 'api.test:80' }, 'destination-mismatch'],
  [{ target: '/x', host: 'api.test' }, 'bad-request'],
  [{ target: '*', host: 'api.test', method: 'OPTIONS' }, 'bad-request'],
  [{ target: 'https://api.test', host: 'api.test', method: 'OPTIONS' }, 'path-refused'],
  [{ target: 'https://api.test/', host: 'api.test', method: 'OPTIONS' }, 'https api.test 443 api.test /'],
])('to an explicit proxy %o: %s', (asked, expected) => {
  expect(verdict({ kind: 'explicit' }, asked)).toBe(expected);
});

test.each<[Asked, string]>([
  [{ host: 'api.test:8080' }, 'http api.test 8080 api.test:8080 /x'],
  [{ host: '192.0.2.1:8080' }, 'http 192.0.2.1 8080 192.0.2.1:8080 /x'],
  [{ stream: ['http', 'api.test:8080'] }, 'http api.test 8080 api.test:8080 /x'],
  [{ host: '192.0.2.2:8080' }, 'destination-mismatch'],
  [{ host: 'api.test' }, 'destination-mismatch'],
  [{}, 'bad-request'],
])('in the clear to an address %o: %s', (asked, expected) => {
  expect(verdict({ kind: 'address', address: '192.0.2.1', port: 8080 }, asked)).toBe(expected);
});

test.each<[Asked, string]>([
  [{ host: 'api.test' }, API],
  [{ host: 'api.test:443' }, API],
  [{}, 'bad-request'],
  [{ host: 'other.test' }, 'destination-mismatch'],
  [{ host: 'api.test:80' }, 'destination-mismatch'],
  [{ host: 'api_test/x' }, 'bad-request'],
  [{ target: 'https://api.test/x', host: 'api.test' }, API],
  [{ target: 'https://api.test', host: 'api.test' }, 'https api.test 443 api.test /'],
  [{ target: 'http://api.test:443/x', host: 'api.test' }, 'destination-mismatch'],
  [{ target: 'https://other.test/x', host: 'api.test' }, 'destination-mismatch'],
  [{ target: 'https://api.test/x', host: 'other.test' }, 'destination-mismatch'],
  [{ target: 'https://api.test', host: 'api.test', method: 'OPTIONS' }, 'path-refused'],
  [{ target: '*', host: 'api.test', method: 'OPTIONS' }, 'bad-request'],
  [{ stream: ['https', 'api.test'] }, API],
  [{ stream: ['https', 'api.test'], host: 'api.test' }, API],
  [{ stream: ['http', 'api.test'] }, 'destination-mismatch'],
  [{ stream: ['https', 'other.test'], host: 'api.test' }, 'destination-mismatch'],
  [{ stream: ['https', 'api.test'], host: 'other.test' }, 'destination-mismatch'],
  [{ stream: ['https', 'api.test'], target: '*', method: 'OPTIONS' }, 'bad-request'],
])('in a tunnel of TLS %o: %s', (asked, expected) => {
  expect(verdict({ kind: 'tunnel', host: 'api.test', port: 443, tls: true }, asked)).toBe(expected);
});

test.each<[Asked, string]>([
  [{ host: 'api.test' }, 'http api.test 80 api.test /x'],
  [{ host: 'api.test:443' }, 'destination-mismatch'],
  [{ target: 'http://api.test/x', host: 'api.test' }, 'http api.test 80 api.test /x'],
  [{ target: 'https://api.test:80/x', host: 'api.test' }, 'destination-mismatch'],
  [{ stream: ['http', 'api.test'] }, 'http api.test 80 api.test /x'],
  [{ stream: ['https', 'api.test'] }, 'destination-mismatch'],
])('in a tunnel in the clear %o: %s', (asked, expected) => {
  expect(verdict({ kind: 'tunnel', host: 'api.test', port: 80, tls: false }, asked)).toBe(expected);
});

test.each<[Asked, string]>([
  [{ host: 'localhost:8080' }, API],
  [{ host: 'plain.test' }, API],
  [{ host: 'plain.test:80' }, API],
  [{ host: 'any.test' }, API],
  [{ host: 'any.test:99' }, API],
  [{ host: 'api.test' }, API],
  [{ host: 'api.test:443' }, API],
  [{ host: 'api.test:80' }, 'destination-mismatch'],
  [{ host: 'localhost' }, 'destination-mismatch'],
  [{ host: 'other.test:8080' }, 'destination-mismatch'],
  [{}, 'bad-request'],
  [{ target: 'http://localhost:8080/x', host: 'localhost:8080' }, API],
  [{ target: 'http://localhost:8080/x' }, 'bad-request'],
  [{ target: 'http://other.test/x', host: 'localhost:8080' }, 'destination-mismatch'],
  [{ target: 'http://localhost:8080/x', host: 'other.test' }, 'destination-mismatch'],
  [{ target: '*', host: 'localhost:8080' }, 'bad-request'],
  [{ stream: ['http', 'localhost:8080'] }, API],
  [{ stream: ['http', 'other.test'], host: 'localhost:8080' }, 'destination-mismatch'],
  [{ stream: ['http', 'localhost:8080'], host: 'other.test' }, 'destination-mismatch'],
  [{ stream: ['https', 'localhost:8080'] }, 'destination-mismatch'],
  [{ host: 'localhost:8080', origin: 'https://page.test' }, 'caller-refused'],
])('to a local listener %o: %s', (asked, expected) => {
  const ownNames = [
    { host: 'localhost', port: 8080 },
    { host: 'plain.test', port: 80 },
    { host: 'any.test', port: 0 },
  ];
  expect(verdict({ kind: 'local', host: 'api.test', port: 443, ownNames }, asked)).toBe(expected);
});

test.each<[Transport, string | undefined]>([
  [{ kind: 'explicit' }, undefined],
  [{ kind: 'address', address: '192.0.2.1', port: 8080 }, undefined],
  [{ kind: 'tunnel', host: 'api.test', port: 443, tls: true }, 'https api.test 443'],
  [{ kind: 'tunnel', host: 'api.test', port: 80, tls: false }, 'http api.test 80'],
  [{ kind: 'local', host: 'api.test', port: 443, ownNames: [] }, 'https api.test 443'],
])('where a connection leads whose request names nothing: %o %s', (transport, expected) => {
  const destination = whereTo(transport);
  expect(destination && `${destination.scheme} ${destination.host} ${destination.port}`).toBe(expected);
});

test('CONNECT names a port', () => {
  expect(connectTarget('api.test:8443')).toMatchObject({ host: 'api.test', port: 8443 });
  for (const target of ['api.test', 'api.test:', '[::1]', 'api.test:port']) {
    expect(() => connectTarget(target)).toThrow('host:port');
  }
});
