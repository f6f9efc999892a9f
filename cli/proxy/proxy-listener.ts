import { connect } from 'node:net';
import { UsageError } from '../../common/errors.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { refusePasswordInArguments } from './password-in-arguments.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/** @throws UsageError for what clients could not use; it may hold the proxy's token, and is not repeated. */
export function parseProxyUrl(text: string, args: readonly string[] = process.argv): URL {
  refusePasswordInArguments('--proxy', text, 'use SIDEKEY_PROXY', args);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The proxy's own port speaks no TLS.
  if (url?.protocol === 'http:') return url;
  throw new UsageError('bad-proxy', '--proxy: use http://HOST:PORT');
}

/** What is left behind may be of a proxy that was killed. @throws CommandFailed */
export function expectListener({ hostname, host, port }: URL): Promise<void> {
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(new CommandFailed(EXIT_CODES.unreachable, `no proxy listens at http://${host}; start it`, { cause }));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error('no answer in time')));
    socket.once('error', fail).once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
