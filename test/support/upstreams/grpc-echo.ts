import {
  ChannelCredentials,
  type Client,
  type ClientOptions,
  makeGenericClientConstructor,
  Metadata,
  Server,
  type ServerDuplexStream,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/echo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
});

/** The four kinds of calls, over bare bytes. */
const ECHO = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
} satisfies ServiceDefinition;

export interface GrpcEcho {
  readonly port: number;
  readonly caPem: string;
  /** The metadata of every call. */
  readonly seen: Metadata[];
  /** Calls that were cancelled before they were answered. */
  readonly cancelled: () => number;
  /** Deadlines of calls, in milliseconds from their arrival. */
  readonly deadlines: number[];
  close(): void;
}

/** A grpc-js server, on TLS unless it is `insecure`. `fail` answers trailers-only, `echo` with the authorization it was sent, `hang` never. */
export async function startGrpcEcho(hosts: readonly string[], insecure = false): Promise<GrpcEcho> {
  const root = createRootAuthority('grpc root');
  const key = createSigningKey();
  const now = Date.now();
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  const seen: Metadata[] = [];
  const deadlines: number[] = [];
  let cancelled = 0;
  const note = (call: {
    metadata: Metadata;
    getDeadline(): Date | number;
    on(event: 'cancelled', listener: () => void): unknown;
  }): void => {
    seen.push(call.metadata);
    deadlines.push(Number(call.getDeadline()) - Date.now());
    call.on('cancelled', () => (cancelled += 1));
  };
  const server = new Server();
  server.addService(ECHO, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      note(call);
      const said = call.request.toString();
      if (said === 'hang') return;
      if (said === 'fail') return answer({ code: status.FAILED_PRECONDITION, details: 'not now: 50%' });
      const trailers = new Metadata();
      trailers.set('x-end', String(call.metadata.get('authorization')[0]));
      answer(
        null,
        said === 'echo' ? Buffer.from(String(call.metadata.get('authorization')[0])) : call.request,
        trailers,
      );
    },
    collect: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      note(call);
      const chunks: Buffer[] = [];
      call.on('data', (chunk: Buffer) => chunks.push(chunk));
      call.on('end', () => answer(null, Buffer.concat(chunks)));
    },
    count: (call: ServerWritableStream<Buffer, Buffer>) => {
      note(call);
      const last = Number(call.request.toString());
      for (let at = 0; at < Math.min(last, 100); at += 1) call.write(Buffer.from(String(at)));
      if (last <= 100) call.end();
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      note(call);
      call.on('data', (chunk: Buffer) => call.write(Buffer.concat([Buffer.from('re: '), chunk])));
      call.on('end', () => call.end());
    },
  });
  const identity = { private_key: key.export({ type: 'pkcs8', format: 'pem' }), cert_chain: Buffer.from(toPem(leaf)) };
  const credentials = insecure
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{ ...identity, private_key: Buffer.from(identity.private_key) }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  const caPem = toPem(root.certificateDer);
  return { port, caPem, seen, deadlines, cancelled: () => cancelled, close: () => server.forceShutdown() };
}

/** A client of its own channel, which goes where `grpc_proxy` of the environment says when it is made. */
export function grpcClient(
  address: string,
  caPem: string,
  options: ClientOptions = {},
): InstanceType<typeof EchoClient> & Client {
  const credentials =
    caPem === '' ? ChannelCredentials.createInsecure() : ChannelCredentials.createSsl(Buffer.from(caPem));
  return new EchoClient(address, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
}

const EchoClient = makeGenericClientConstructor(ECHO, 'Echo');
