import { hash, X509Certificate } from 'node:crypto';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { pemBlocks } from '../../common/credential-grammar.ts';
import { describeError } from '../../common/errors.ts';
import { parseHostPattern } from '../../common/match/host-pattern.ts';
import { methodFault } from '../../common/match/method.ts';
import { compilePathPattern } from '../../common/match/path-pattern.ts';
import { parseCidr } from '../../common/net/cidr.ts';
import { compileCondition } from '../conditions/compile.ts';
import { reservedClaim } from '../credentials/jwt.ts';
import { runsTogether } from '../credentials/template.ts';
import type {
  AccessRule,
  CredentialProviderSpec,
  JwtCredentialSpec,
  Resource,
  TrustProviderSpec,
} from '../resources/kinds.ts';
import { compileCel } from './cel.ts';
import { type ConditionSpecs, checkSteps } from './check-steps.ts';
import { compileClientCondition } from './compile.ts';

interface Issue {
  readonly field: string;
  readonly message: string;
}

/**
 * What the shape of a resource cannot say: that its expressions and patterns compile, that hosts are canonical and that
 * certificates can be read. Refused when applied, rather than denied when called.
 * @param conditions the access conditions of the tenant
 */
export function checkResource(resource: Resource, conditions: ConditionSpecs): Issue[] {
  switch (resource.kind) {
    case 'ClientWorkload': {
      const { condition } = resource.spec;
      return condition === undefined ? [] : attempt('spec.condition', () => compileClientCondition(condition));
    }
    case 'ServerWorkload': {
      const { hosts, tls, allowedAddresses } = resource.spec;
      return [
        ...hosts.flatMap((host, index) => attempt(`spec.hosts[${index}]`, () => assertCanonical(host))),
        ...checkOutbound({ ca: tls.ca, allowedAddresses }, 'spec.tls.ca'),
      ];
    }
    case 'TrustProvider':
      return checkTrust(resource.spec);
    case 'CredentialProvider':
      return checkCredential(resource.spec);
    case 'AccessCondition': {
      const { spec } = resource;
      return attempt(spec.type === 'cel' ? 'spec.expression' : 'spec', () => compileCondition(spec));
    }
    case 'AccessPolicy': {
      const { effect, rules = [] } = resource.spec;
      return [
        ...rules.flatMap((rule, at) => checkRule(rule, `spec.rules[${at}]`)),
        ...(effect === 'allow' ? rules.flatMap((rule, at) => checkMethods(rule, `spec.rules[${at}]`)) : []),
        ...checkSteps(resource.spec, conditions),
      ];
    }
    case 'Tenant':
      return [];
  }
}

function checkTrust(spec: TrustProviderSpec): Issue[] {
  if (spec.type === 'local') return [];
  const fetched = keysUrl(spec);
  const outbound = checkOutbound(spec, 'spec.ca');
  if (fetched === undefined || /^https:/i.test(fetched.url)) return outbound;
  const message = 'keys are fetched over https alone; give them as jwks.inline, or an https:// URL';
  return [...outbound, { field: fetched.field, message }];
}

/** Where the keys are fetched from; undefined when they are not, or when a preset says where. */
function keysUrl({
  jwks,
  issuer,
}: Exclude<TrustProviderSpec, { type: 'local' }>): { field: string; url: string } | undefined {
  if (jwks === undefined) return issuer === undefined ? undefined : { field: 'spec.issuer', url: issuer };
  return 'url' in jwks ? { field: 'spec.jwks.url', url: jwks.url } : undefined;
}

function checkCredential(spec: CredentialProviderSpec): Issue[] {
  switch (spec.type) {
    case 'static':
      return [];
    case 'oauth2-client-credentials':
      return checkOutbound(spec, 'spec.ca');
    case 'jwt': {
      const reserved = reservedClaim(spec.claims);
      const field = `spec.claims.${reserved}`;
      const issues = reserved === undefined ? [] : [{ field, message: 'the issuer alone sets this claim' }];
      return [...issues, ...checkTemplates(spec)];
    }
  }
}

function checkTemplates({ subject, claims }: JwtCredentialSpec): Issue[] {
  const claimed = Object.entries(claims).map(([name, claim]): [string, unknown] => [`spec.claims.${name}`, claim]);
  const templates: [string, unknown][] = [['spec.subject', subject], ...claimed];
  const message = 'put a sign such as ":" or "/" between the variables: their values could be taken for one another';
  return templates.filter(([, template]) => runsTogether(template)).map(([field]) => ({ field, message }));
}

function checkRule({ paths, when }: AccessRule, field: string): Issue[] {
  const patterns = (paths ?? []).flatMap((path, index) =>
    attempt(`${field}.paths[${index}]`, () => compilePathPattern(path)),
  );
  return when === undefined ? patterns : [...patterns, ...attempt(`${field}.when`, () => compileCel(when))];
}

/** To allow what goes no further is a slip; rules that deny take methods in any case. */
function checkMethods({ methods = [] }: AccessRule, field: string): Issue[] {
  return methods.flatMap((method, index) => {
    const message = methodFault(method);
    return message === undefined ? [] : [{ field: `${field}.methods[${index}]`, message }];
  });
}

function assertCanonical(host: string): void {
  const canonical = parseHostPattern(host);
  if (canonical !== host) throw new Error(`write it as ${canonical}`);
}

function checkOutbound(
  spec: { readonly ca?: string | undefined; readonly allowedAddresses: readonly string[] },
  caField: string,
): Issue[] {
  const { ca } = spec;
  return [
    ...(ca === undefined ? [] : attempt(caField, () => readCertificates(ca))),
    ...spec.allowedAddresses.flatMap((block, index) =>
      attempt(`spec.allowedAddresses[${index}]`, () => parseCidr(block)),
    ),
  ];
}

/** Hashes of what could be read: to read a bundle takes milliseconds, and every change of a tenant checks all that it has. */
const readable = new BoundedCache<string, true>(10_000);

function readCertificates(pem: string): void {
  const key = hash('sha256', pem, 'base64url');
  if (readable.get(key) === true) return;
  for (const block of pemBlocks(pem, 'CERTIFICATE')) {
    try {
      new X509Certificate(block);
    } catch {
      throw new Error('one of the certificates cannot be read');
    }
  }
  readable.set(key, true);
}

function attempt(field: string, run: () => unknown): Issue[] {
  try {
    run();
    return [];
  } catch (error) {
    return [{ field, message: describeError(error) }];
  }
}
