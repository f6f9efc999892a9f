/** Names that hold credentials, whatever program they are for: by their last words. */
const BY_LAST_WORD =
  /(?:^|[._-])(?:TOKEN|SECRETS?|PAT|PASS|PASSWD|PASSWORD|PASSPHRASE|CREDENTIALS?|CONNECTION[._-]STRING|API[._-]?KEYS|(?<!(?:PUBLIC|PUBLISHABLE)[._-])KEY|(?:API|ACCESS|SECRET|PRIVATE)KEY)(?:[._-](?:FILE|PATH))?$/i;

/** Addresses of stores, in which passwords usually stand. */
const OF_A_STORE =
  /(?:^|[._-])(?:DATABASE|DB|REDIS|MONGO(?:DB)?|POSTGRES(?:QL)?|MYSQL|AMQP|RABBITMQ)[._-](?:URL|URI|DSN)$/i;

/** Well-known ones whose names do not tell. */
const BY_NAME =
  /^(?:AWS_ACCESS_KEY_ID|MYSQL_PWD|PGPASSWORD|PGPASSFILE|SSH_AUTH_SOCK|KUBECONFIG|DOCKER_AUTH_CONFIG|COMPOSER_AUTH|AZURE_CLIENT_CERTIFICATE_PATH|npm_config_.*_auth(?:token)?)$/i;

/** A URL with a password, or for HTTP with any user: `https://TOKEN@host` (RFC 3986 3.2.1). */
const URL_WITH_USER = /^(?:https?:\/\/[^\s/?#@]+@|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:]*:[^\s/?#@]+@)/i;

/** Whether a variable looks like a credential, which an agent behind Sidekey needs none of. A guess, on the safe side. */
export function isCredentialVariable(name: string, value: string): boolean {
  return BY_LAST_WORD.test(name) || OF_A_STORE.test(name) || BY_NAME.test(name) || URL_WITH_USER.test(value);
}
