import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Service, startService } from '../service.ts';
import { type ControlPlanePlace, restCall } from './rest-call.ts';

/** `sidekey control-plane` in a process of its own (needs dist/), which can be killed and started on the same data. */
export class ControlPlaneProcess {
  readonly #folder: string;
  #service: Service | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps its data and its context file in this folder. */
  static async start(folder: string): Promise<ControlPlaneProcess> {
    const controlPlane = new ControlPlaneProcess(folder);
    mkdirSync(controlPlane.home, { recursive: true });
    await controlPlane.#start('127.0.0.1:0', '127.0.0.1:0');
    return controlPlane;
  }

  /** SIDEKEY_HOME of commands that are to find it. */
  get home(): string {
    return join(this.#folder, 'home');
  }

  get grpcAddress(): string {
    return this.#context('grpc');
  }

  get caFile(): string {
    return this.#context('caFile');
  }

  get place(): ControlPlanePlace {
    return {
      restUrl: this.#context('server'),
      bootstrapTokenFile: this.#context('tokenFile'),
      caPem: readFileSync(this.caFile, 'utf8'),
    };
  }

  rest(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    return restCall(this.place, method, path, body);
  }

  /** Without a chance to put anything in order. */
  async kill(): Promise<void> {
    await this.#service?.end('SIGKILL');
  }

  /** On the same addresses, with the data that the killed one left. */
  async startAgain(): Promise<void> {
    await this.#start(this.grpcAddress, this.#context('server').replace('https://', ''));
  }

  async close(): Promise<void> {
    await this.#service?.end('SIGTERM');
  }

  async #start(grpc: string, rest: string): Promise<void> {
    rmSync(this.#contextFile, { force: true });
    this.#service = await startService(
      ['control-plane', '--data-dir', join(this.#folder, 'data'), '--grpc-listen', grpc, '--rest-listen', rest],
      { SIDEKEY_HOME: this.home },
      () => existsSync(this.#contextFile),
    );
  }

  get #contextFile(): string {
    return join(this.home, 'context.json');
  }

  #context(name: 'grpc' | 'server' | 'caFile' | 'tokenFile'): string {
    return (JSON.parse(readFileSync(this.#contextFile, 'utf8')) as Record<string, string>)[name] ?? '';
  }
}
