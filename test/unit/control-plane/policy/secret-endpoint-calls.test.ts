import { describe, expect, it } from 'vitest';
import { matchGlob } from '../../../../common/match/glob.ts';
import { compilePathPattern } from '../../../../common/match/path-pattern.ts';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import {
  SECRET_ENDPOINTS,
  type SecretEndpointName,
  secretEndpointNames,
} from '../../../../control-plane/policy/rule-pack/names.ts';
import type { SecretEndpoint } from '../../../../control-plane/policy/rule-pack/secret-endpoint.ts';
import { policySet, SESSION } from '../../../support/control-plane/policy-set.ts';
import { DOCUMENTED_CALLS } from './secret-endpoint-calls.ts';

const credentials = [{ provider: 'key', inject: { type: 'bearer' } }];

interface Documented {
  readonly method: string;
  readonly host: string;
  readonly call: string;
}

function callsOf(name: SecretEndpointName): Documented[] {
  return DOCUMENTED_CALLS[name].flatMap(([where, ...calls]) => {
    const [method = '', host = ''] = where.split(' ');
    return calls.map((call) => ({ method, host, call }));
  });
}

function decideOne({ method, host, call }: Documented, policy: Record<string, unknown> = {}): string {
  const set = compilePolicySet(
    policySet({
      ServerWorkload: { api: { hosts: [host] } },
      CredentialProvider: { key: { type: 'static', secret: { value: 'x' } } },
      AccessPolicy: { p: { clientWorkload: 'billing-agent', serverWorkload: 'api', credentials, ...policy } },
    }),
  );
  const asked = call.slice(1);
  const request = {
    scheme: 'https',
    host,
    port: 443,
    method,
    path: call.startsWith('/') ? call : '/',
    query: call.startsWith('&') ? asked : '',
    headers: call.startsWith('!') ? [{ name: 'X-Amz-Target', value: asked }] : [],
    inspected: { unreadable: [], form: call.startsWith('?') ? [{ name: 'Action', value: asked }] : [] },
  };
  const { reason, detail } = decide(set, SESSION, request, new RevocationSet([]), 0);
  return detail === undefined ? reason : `${reason}: ${detail}`;
}

describe.each(secretEndpointNames)('%s', (name) => {
  const calls = callsOf(name);

  it('denies every documented call, and lets it be opened by that name', () => {
    for (const one of calls) {
      expect([one, decideOne(one)]).toEqual([one, `secret-endpoint: the endpoint is ${name}`]);
      expect([one, decideOne(one, { opens: [name] })]).toEqual([one, 'ok']);
    }
  });

  it('denies them in every spelling that a server may take for the same', () => {
    for (const one of calls) {
      const [kind, text] = [one.call.charAt(0), one.call.slice(1)];
      const spelled = [text.toUpperCase(), text.toLowerCase(), ...(kind === '/' ? [`${text}/`] : [])];
      for (const call of spelled.map((other) => kind + other)) {
        const method = one.method.toLowerCase();
        expect([call, decideOne({ ...one, method, call })]).toEqual([call, `secret-endpoint: the endpoint is ${name}`]);
      }
    }
  });

  it('has no line that no documented call needs', () => {
    const { hosts, methods = [], paths = [], actions = [], targets = [] }: SecretEndpoint = SECRET_ENDPOINTS[name];
    const { parameters = [] }: SecretEndpoint = SECRET_ENDPOINTS[name];
    const unneeded = [
      ...hosts.filter((glob) => !calls.some(({ host }) => matchGlob(glob, host))),
      ...methods.filter((method) => !calls.some((call) => call.method === method)),
      ...paths.filter((path) => !calls.some(({ call }) => compilePathPattern(path, 'lenient').matches(call))),
      ...actions.filter((glob) => !calls.some(({ call }) => call.startsWith('?') && matchGlob(glob, call.slice(1)))),
      ...parameters.filter((name) => !calls.some(({ call }) => call === `&${name}`)),
      ...targets.filter((glob) => !calls.some(({ call }) => call.startsWith('!') && matchGlob(glob, call.slice(1)))),
    ];
    expect(unneeded).toEqual([]);
  });
});
