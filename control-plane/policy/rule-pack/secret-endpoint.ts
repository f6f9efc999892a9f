/** An endpoint that makes or shows secrets to whoever calls it with a credential (attacks ). */
export interface SecretEndpoint {
  /** What is served: the table's name for it, and the `provider` of a server workload. */
  readonly provider: string;
  /** Globs over canonical hosts. Empty: only server workloads that name the provider. */
  readonly hosts: readonly string[];
  /** Absent: all. */
  readonly methods?: readonly string[];
  /** Path patterns, as in rules. Absent: all. */
  readonly paths?: readonly string[];
  /** Its servers take a format behind a path, as in `/oauth/token.json`: what has one fits too. */
  readonly takesFormat?: true;
  /** Globs over `Action` in query or form. A body that cannot be read fits. */
  readonly actions?: readonly string[];
  /** Names of parameters in the query, any of which makes the call. A query that cannot be read fits. */
  readonly parameters?: readonly string[];
  /** Globs over the operation in `X-Amz-Target`. A call of these hosts without it fits, but for a GET without a query. */
  readonly targets?: readonly string[];
  /** Fields of its answers that hold the secret: masked in JSON, XML and forms. */
  readonly secretFields: readonly string[];
  readonly about: string;
}
