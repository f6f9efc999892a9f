import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsAlgorithm, type Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { type AwsServices, serveAws } from '../../support/upstreams/aws-services.ts';
import { connectAgent } from '../../support/agents/proxied-agent.ts';
import { grant, type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const KEY = {
  accessKeyId: 'AKIAREALREALREALREAL',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'FwoGZXIvYXdzEXAMPLEsessiontoken//////',
};
/** What an agent's SDK is given, since it will not start without. */
const DUMMY = { accessKeyId: 'DUMMY', secretAccessKey: 'dummy' };

function sigV4(service: string): Injection {
  const value = {
    accessKeyId: KEY.accessKeyId,
    secretAccessKey: Buffer.from(KEY.secretAccessKey),
    sessionToken: Buffer.from(KEY.sessionToken),
    service,
    regions: ['eu-west-1'],
    algorithm: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256,
  };
  return { kind: { $case: 'awsSigv4', value } };
}

describe('AWS SDKs with dummy keys, against services that verify signatures', () => {
  let world: ProxyWorld;
  let services: AwsServices;

  beforeAll(async () => {
    world = await startProxyWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => {
    services = serveAws(world.upstream, KEY);
    world.client.decide = (question) => grant(question, sigV4('s3'));
  });

  const options = (region = 'eu-west-1') => ({
    region,
    endpoint: `https://api.test:${world.upstream.httpsPort}`,
    credentials: DUMMY,
    maxAttempts: 1,
    requestHandler: { httpsAgent: connectAgent({ port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' }) },
  });
  const s3 = (region?: string) => new S3Client({ ...options(region), forcePathStyle: true });

  test('S3: put, get, list and delete, with a name that must be encoded', async () => {
    const client = s3();
    const name = { Bucket: 'bucket', Key: "a folder/ü+(!)*'&$=@:,.txt" };
    await client.send(new PutObjectCommand({ ...name, Body: 'hello', Metadata: { owner: '  two  spaces ' } }));
    const got = await client.send(new GetObjectCommand(name));
    expect(await got.Body?.transformToString()).toBe('hello');
    const listed = await client.send(new ListObjectsV2Command({ Bucket: 'bucket', Prefix: 'a b/é+', MaxKeys: 2 }));
    expect(listed.Contents?.map(({ Key }) => Key)).toEqual([name.Key]);
    await client.send(new DeleteObjectCommand(name));
    expect(services.objects.size).toBe(0);
    expect(services.refused).toEqual([]);
    expect(services.modes).toContain('hash');
  });

  test('S3: an upload by stream, in aws-chunked framing with a checksum at its end', async () => {
    const body = Buffer.alloc(3_000_000, 'abcdefg');
    const pieces = Array.from({ length: 30 }, (_, at) => body.subarray(at * 100_000, (at + 1) * 100_000));
    const Body = Readable.from(pieces);
    await s3().send(new PutObjectCommand({ Bucket: 'bucket', Key: 'big', Body, ContentLength: body.length }));
    expect(services.refused).toEqual([]);
    expect(services.modes).toContain('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(services.objects.get('/bucket/big')?.equals(body)).toBe(true);
  });

  test('DynamoDB', async () => {
    world.client.decide = (question) => grant(question, sigV4('dynamodb'));
    const client = new DynamoDBClient(options());
    await client.send(new PutItemCommand({ TableName: 'orders', Item: { id: { S: '1' }, note: { S: 'ü' } } }));
    const { Item } = await client.send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: '1' } } }));
    expect(Item).toEqual({ id: { S: '1' }, note: { S: 'ü' } });
    expect(services.refused).toEqual([]);
  });

  test('a body without a hash is read whole and signed; over the limit it is refused', async () => {
    world.client.decide = (question) => grant(question, sigV4('execute-api'));
    const { tls } = await world.tlsAgent();
    const send = async (body: string): Promise<string> => {
      tls.write(
        `POST /v1/x?b=2&a=1 HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\nExpect: 100-continue\r\n`,
      );
      tls.write(`Content-Length: ${body.length}\r\n\r\n`);
      tls.write(body);
      const answer: Buffer[] = [];
      for await (const bytes of tls) {
        answer.push(bytes as Buffer);
        if (/\r\n\r\n[^]*HTTP\/1.1 \d+/.test(Buffer.concat(answer).toString())) break;
      }
      return Buffer.concat(answer).toString();
    };
    expect(await send('x'.repeat(1_048_577))).toMatch(/^HTTP\/1.1 100 [^]*HTTP\/1.1 413 [^]*signed-body-too-large/);
    expect(services.refused).toEqual([]);
  });

  test('A-60: another region than the policy allows is refused, and nothing reaches the service', async () => {
    const before = world.upstream.seen.length;
    const call = s3('us-east-1').send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    await expect(call).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    expect(world.upstream.seen.length).toBe(before);
  });

  test('the real key never travels, the session token only towards the service', async () => {
    await s3().send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'x' }));
    const sent = world.upstream.seen.map((seen) => seen.rawHeaders.join('\n')).join('\n');
    expect(sent).not.toContain(KEY.secretAccessKey);
    expect(sent).not.toContain('DUMMY');
    expect(sent).toContain(KEY.sessionToken);
    world.upstream.handle((_request, response) => response.end(`echo ${KEY.sessionToken}`));
    const got = await s3().send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    const echoed = (await buffer(got.Body as Readable)).toString();
    expect(echoed).toContain('echo ');
    expect(echoed).not.toContain(KEY.sessionToken);
  });
});
