import type { Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { prepareAwsSigV4 } from './aws-sigv4.ts';
import { prepareBasic } from './basic.ts';
import { prepareBearer } from './bearer.ts';
import { prepareClientCertificate } from './client-certificate.ts';
import { prepareCookie } from './cookie.ts';
import { prepareDpop } from './dpop.ts';
import { prepareFormField } from './form-field.ts';
import { prepareHeader } from './header.ts';
import { prepareHmac } from './hmac.ts';
import { prepareJsonField } from './json-field.ts';
import { prepareOauthToken } from './oauth-token.ts';
import { preparePathSegment } from './path-segment.ts';
import { preparePlaceholder } from './placeholder.ts';
import { prepareQuery } from './query.ts';
import { invalid } from '../injection-error.ts';
import { type PreparedInjection } from './scheme.ts';

type Kind = NonNullable<Injection['kind']>;
type Case = Kind['$case'];
type ValueOf<C extends Case> = Extract<Kind, { readonly $case: C }>['value'];
type Schemes = { readonly [C in Case]: (value: ValueOf<C>) => PreparedInjection };
/** The kinds once more, in the form in which one of them goes with its own scheme. */
type KindOf<C extends Case> = { [P in C]: { readonly $case: P; readonly value: ValueOf<P> } }[C];

/** How each kind of injection is made ready. */
const SCHEMES: Schemes = {
  bearer: prepareBearer,
  basic: prepareBasic,
  header: prepareHeader,
  query: prepareQuery,
  cookie: prepareCookie,
  pathSegment: preparePathSegment,
  formField: prepareFormField,
  jsonField: prepareJsonField,
  placeholder: preparePlaceholder,
  awsSigv4: prepareAwsSigV4,
  hmac: prepareHmac,
  dpop: prepareDpop,
  clientCertificate: prepareClientCertificate,
  oauthToken: prepareOauthToken,
};

/** @throws InjectionError `credential-invalid` when the credential does not fit its place, or the kind is unknown */
export function prepareInjection({ kind }: Injection): PreparedInjection {
  // A newer control plane's way to inject, which this proxy cannot perform: never go on without it.
  if (kind === undefined || !Object.hasOwn(SCHEMES, kind.$case)) throw invalid('its injection is of an unknown kind');
  return prepareKind(kind);
}

function prepareKind<C extends Case>(kind: KindOf<C>): PreparedInjection {
  const scheme: (value: ValueOf<C>) => PreparedInjection = SCHEMES[kind.$case];
  return scheme(kind.value);
}
