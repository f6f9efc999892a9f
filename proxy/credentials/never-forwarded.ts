/** Removed on every call: secrets of this hop, and claims about who calls or where to, which only transport may make. */
const NEVER_FORWARDED = new Set([
  'proxy-authorization',
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  // PHP programs; WebLogic; what libraries of Node take beside these.
  'client-ip',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  'x-forwarded',
  'forwarded-for',
  'x-appengine-user-ip',
  'do-connecting-ip',
  'cf-pseudo-ipv4',
  'x-host',
  // To CGI it is HTTP_PROXY, by which many programs choose the proxy of their own calls (httpoxy, CVE-2016-5385).
  'proxy',
  'x-remote-user',
  'remote-user',
  // What authenticating proxies tell the servers behind them: Grafana, Kong, Envoy; those of Google, AWS, Azure, Cloudflare, Tailscale.
  'x-webauth-user',
  'x-consumer-id',
  'x-consumer-username',
  'x-credential-identifier',
  'x-envoy-external-address',
  'x-goog-iap-jwt-assertion',
  'x-ms-client-principal',
  'cf-access-authenticated-user-email',
  'cf-access-jwt-assertion',
  'tailscale-user-login',
  'tailscale-user-name',
  // Which certificate a caller showed (RFC 9440), to ingress-nginx and Azure as well.
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'ssl-client-verify',
  'ssl-client-subject-dn',
  'ssl-client-issuer-dn',
  'x-arr-clientcert',
  // They make a server evaluate another path or method than the one that was decided.
  'x-rewrite-url',
  'x-envoy-original-path',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

/** The same, whatever follows. */
const NEVER_FORWARDED_FAMILIES = [
  'x-forwarded-',
  'x-original-',
  'x-auth-request-',
  'x-goog-authenticated-user-',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-ssl-',
  'x-ms-client-principal-',
] as const;

/** The same of a query, in lower case. */
export const NEVER_FORWARDED_QUERY: ReadonlySet<string> = new Set([
  // Symfony, WordPress and the usual middleware of Express; Firebase; Salesforce; Google.
  '_method',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  '_httpmethod',
  '$httpmethod',
  // Google takes header fields, and how to read the body, from these.
  '$httpheaders',
  '$ct',
  // Without it Elasticsearch and OpenSearch take no body from the parameter `source`, where no rule over bodies would see it.
  'source_content_type',
  // WordPress serves this path, whatever stands in the request line.
  'rest_route',
]);

/** Of a folded name (`foldHeaderName`). */
export function isNeverForwarded(name: string): boolean {
  if (NEVER_FORWARDED.has(name)) return true;
  return name.startsWith('x-') && NEVER_FORWARDED_FAMILIES.some((family) => name.startsWith(family));
}
