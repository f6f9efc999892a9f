import { expect, test } from 'vitest';
import { Refusal } from '../../../../../proxy/refusal.ts';
import { brokenBeforeUse, brokenConnection } from '../../../../../proxy/io/upstream/broken-connection.ts';

test.each([
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'upstream-tls-failed', /: certificate required$/],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'upstream-tls-failed', /: unknown ca$/],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'upstream-tls-failed', /: certificate expired$/],
  // The same of OpenSSL 3.2 and later, thus of Node 22 and later.
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'upstream-tls-failed', /: certificate expired$/],
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'upstream-tls-failed', /: unrecognized name$/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'upstream-closed', /broke the connection$/],
  ['ECONNRESET', 'upstream-closed', /broke the connection$/],
  [undefined, 'upstream-closed', /broke the connection$/],
])('%s is %s', (code, reason, words) => {
  const cause = Object.assign(new Error('from below'), { code });
  const refusal = brokenConnection(cause);
  expect([refusal.reason, refusal.cause]).toEqual([reason, cause]);
  expect(refusal.message).toMatch(words);
});

test('only a bare close is put down to a certificate, and only where one was shown', () => {
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: true };
  const closed = new Refusal('upstream-closed', 'it closed');
  const told = brokenBeforeUse(closed, origin);
  expect([told.reason, told.message]).toEqual(['upstream-closed', expect.stringContaining('client certificate')]);
  expect(brokenBeforeUse(closed, { ...origin, showsCertificate: false })).toBe(closed);
  const other = new Refusal('upstream-timeout', 'it is slow');
  expect(brokenBeforeUse(other, origin)).toBe(other);
});
