import pg from 'pg';
import type { Channel } from './sql-store.ts';

interface Subscription {
  readonly channel: Channel;
  readonly handler: (payload: string) => void;
  readonly onGap: (() => void) | undefined;
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
/** A server that is gone without a word sends nothing, and nor does one that has nothing to say: so it is asked. */
const PROBE_EVERY_MS = 1_000;
/** Longer than a busy server takes; sooner than anybody waits for a revocation that got lost. */
const PROBE = { text: 'select 1', query_timeout: 3_000 };

/** One connection that listens, opened with the first subscription and opened again whenever it is lost. */
export class PostgresListener {
  readonly #config: pg.ClientConfig;
  readonly #onError: (error: unknown) => void;
  readonly #subscriptions = new Set<Subscription>();
  /** The one connection, open or about to be. */
  #client: Promise<pg.Client> | undefined;
  /** It, once it is open. */
  #open: pg.Client | undefined;
  /** Of the next try, from a loss until there is a connection again. */
  #retryTimer: NodeJS.Timeout | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  constructor(config: pg.ClientConfig, onError: (error: unknown) => void) {
    this.#config = { ...config, keepAlive: true };
    this.#onError = onError;
  }

  async listen(channel: Channel, handler: (payload: string) => void, onGap?: () => void): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, handler, onGap };
    this.#subscriptions.add(subscription);
    try {
      const client = await this.#connected();
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw error;
    }
    return async () => {
      this.#subscriptions.delete(subscription);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#probeTimer);
    this.#subscriptions.clear();
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  #connected(): Promise<pg.Client> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    client.on('error', (error) => this.#lost(client, error));
    client.on('end', () => this.#lost(client, new Error('the connection that listens has ended')));
    client.on('notification', ({ channel, payload }) => {
      for (const one of this.#subscriptions) if (one.channel === channel) one.handler(payload ?? '');
    });
    try {
      await client.connect();
      for (const channel of new Set([...this.#subscriptions].map((one) => one.channel))) {
        await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      }
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.#open = client;
    this.#probe(client);
    if (this.#retryTimer !== undefined) this.#makeGood();
    return client;
  }

  #probe(client: pg.Client): void {
    if (this.#closed || this.#open !== client) return;
    this.#probeTimer = setTimeout(() => {
      client.query(PROBE).then(
        () => this.#probe(client),
        (error: unknown) => {
          this.#lost(client, error);
          // With a question unanswered, it closes without a farewell.
          client.end().catch(() => {});
        },
      );
    }, PROBE_EVERY_MS);
    this.#probeTimer.unref();
  }

  /** Of a client that was not open, whoever connects is told. */
  #lost(client: pg.Client, error: unknown): void {
    if (this.#closed || this.#open !== client) return;
    this.#open = undefined;
    this.#client = undefined;
    this.#retry(error);
  }

  #retry(error: unknown): void {
    if (this.#closed) return;
    this.#onError(error);
    this.#retryTimer = setTimeout(() => {
      this.#connected().catch((reason: unknown) => this.#retry(reason));
    }, this.#retryMs);
    this.#retryTimer.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  /** Whoever it was that connected. */
  #makeGood(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    for (const one of this.#subscriptions) one.onGap?.();
  }
}
