import { describe, expect, it } from 'vitest';
import { STRICT_PATHS } from '../../../../../common/match/path.ts';
import { buildDestination } from '../../../../../proxy/http/request/destination.ts';
import { RouteTable } from '../../../../../proxy/http/request/route-table.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { NO_BODY, type RequestHead } from '../../../../../proxy/protocols/heads.ts';
import { route } from '../../../../support/worlds/proxy-world.ts';

function head(target: string, host: string, scheme?: string): RequestHead {
  const headers = new HeaderList();
  headers.append('host', host);
  return {
    method: 'GET',
    target,
    version: '1.1',
    headers,
    framing: NO_BODY,
    keepAlive: true,
    expectContinue: false,
    ...(scheme === undefined ? {} : { pseudo: { scheme, authority: host, protocol: undefined } }),
  };
}

describe('the destination of a path in a form that the route keeps', () => {
  const routes = new RouteTable();
  routes.replace([
    route({
      hosts: ['git.test'],
      agent: { paths: { ...STRICT_PATHS, encodedSlash: true }, replacedVariables: [] },
    }),
    route({ hosts: ['api.test'] }),
  ]);
  const formsAt = (host: string, port: number) => routes.pathForms(host, port);
  const tunnel = (host: string) => ({ kind: 'tunnel', host, port: 443, tls: true }) as const;

  it('is taken as it was sent, and forwarded so', () => {
    const destination = buildDestination(tunnel('git.test'), head('/projects/a%2fb?x=%2f', 'git.test'), formsAt);
    expect(destination).toMatchObject({ path: '/projects/a%2Fb', query: 'x=%2f' });
    expect(
      buildDestination({ kind: 'explicit' }, head('https://git.test/projects/a%2Fb', 'git.test'), formsAt).path,
    ).toBe('/projects/a%2Fb');
  });

  it.each([
    ['api.test', '/projects/a%2fb', 'an encoded slash'],
    ['git.test', '/projects//b', 'an empty segment'],
    ['git.test', '/projects/a%2F..%2Fb', 'a dot segment'],
  ])('is refused elsewhere and in other forms: %s %s', (host, target, what) => {
    const build = () => buildDestination(tunnel(host), head(target, host), formsAt);
    expect(build).toThrow(`the path has ${what}`);
  });

  it('is no reason to refuse what no route covers: that is one', () => {
    expect(buildDestination(tunnel('unrouted.test'), head('/a%2fb//c;d', 'unrouted.test'), formsAt).path).toBe(
      '/a%2Fb//c;d',
    );
  });
});

it('a stream to a local listener, which speaks in the clear, names no other scheme (A-08)', () => {
  const ownNames = [{ host: 'localhost', port: 8080 }];
  const local = { kind: 'local', host: 'api.test', port: 443, ownNames } as const;
  const asked = (scheme: string) => buildDestination(local, head('/v1', 'localhost:8080', scheme));
  expect(asked('http')).toMatchObject({ scheme: 'https', host: 'api.test', port: 443, path: '/v1' });
  for (const scheme of ['https', 'ftp', '']) expect(() => asked(scheme)).toThrow('another scheme');
});
