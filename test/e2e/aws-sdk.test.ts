import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsServices, serveAws } from '../support/upstreams/aws-services.ts';
import { startUpstream, type Upstream } from '../support/upstreams/upstream.ts';
import { World } from '../support/worlds/world.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';

// AWS's SDK for Python unchanged, run by `sidekey run` (which needs the bundle), with a key that is no key. The SDK for
// JavaScript asks no proxy of its own accord: test/integration/proxy/aws-signing.test.ts gives it an agent that does.
const BUILT = existsSync('dist/sidekey.js');
const PYTHON = '/usr/bin/python3';
const HAS_BOTO3 = spawnSync(PYTHON, ['-c', 'import boto3']).status === 0;
const REAL = { accessKeyId: 'AKIAREALREALREALREAL', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const DUMMY = '[default]\naws_access_key_id = DUMMY\naws_secret_access_key = dummy\n';
const REGION = { AWS_DEFAULT_REGION: 'eu-west-1' };

const BOTO3 = `
import sys, boto3
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=sys.argv[1], config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
s3.put_object(Bucket="bucket", Key="a b/ü.txt", Body=b"from boto3")
print(s3.get_object(Bucket="bucket", Key="a b/ü.txt")["Body"].read().decode())
url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a b/ü.txt"})
import urllib.request, urllib.error
try:
    urllib.request.urlopen(url)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
`;

describe.skipIf(!BUILT)('an SDK of AWS as the agent', () => {
  let world: World;
  let upstream: Upstream;
  let services: AwsServices;
  let url: string;

  beforeAll(async () => {
    world = await World.start();
    await mkdir(join(world.folder, '.aws'));
    await writeFile(join(world.folder, '.aws', 'credentials'), DUMMY);
    upstream = await startUpstream(['localhost']);
    services = serveAws(upstream, REAL);
    url = `https://localhost:${upstream.httpsPort}`;
    await world.apply(
      ['ServerWorkload', 's3', loopbackServer({ port: upstream.httpsPort, caPem: upstream.caPem })],
      ['CredentialProvider', 's3-key', { type: 'static', secret: { value: JSON.stringify(REAL) } }],
      [
        'AccessPolicy',
        'agent-uses-s3',
        {
          clientWorkload: 'agent',
          serverWorkload: 's3',
          credentials: [{ provider: 's3-key', inject: { type: 'aws-sigv4', service: 's3', regions: ['eu-west-1'] } }],
        },
      ],
    );
  }, 120_000);
  afterAll(async () => {
    await world.close();
    await upstream.close();
  });

  it.skipIf(!HAS_BOTO3)(
    'boto3, whose presigned URL is refused (needs python3-boto3)',
    async () => {
      const { stdout, stderr } = await world.agent([PYTHON, '-c', BOTO3, url], REGION);
      expect(services.refused).toEqual([]);
      expect(stdout, stderr).toContain('from boto3');
      expect(stdout).toMatch(/403 .*signature-refused/);
    },
    120_000,
  );
});
