/** `npm test`: installs, builds, sets up the programs that the tests call, runs everything, prints the count. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoPrograms, installPrograms } from './lib/programs.mjs';
import { bin, installIfStale, run } from './lib/run.mjs';

// Program to look for, and the Debian package that brings it. Tests skip, with the reason, what they do not find.
const PROGRAMS = [
  ['curl', ['--version'], 'curl'],
  ['git', ['http-backend', '--help'], 'git'],
  ['openssl', ['version'], 'openssl'],
  ['faketime', ['-f', '+1s', 'true'], 'faketime'],
  ['/usr/bin/python3', ['-c', 'import requests'], 'python3-requests'],
  ['/usr/bin/python3', ['-c', 'import httpx'], 'python3-httpx'],
  ['/usr/bin/python3', ['-c', 'import websockets'], 'python3-websockets'],
  ['/usr/bin/python3', ['-c', 'import boto3'], 'python3-boto3'],
  ['/usr/bin/python3', ['-c', 'import h2'], 'python3-h2'],
  ['/usr/bin/python3', ['-c', 'import requests_oauthlib'], 'python3-requests-oauthlib'],
  ['/usr/bin/python3', ['-c', 'import authlib'], 'python3-authlib'],
  ['/usr/bin/python3', ['-c', 'import grpc'], 'python3-grpcio'],
  ['go', ['version'], 'golang-go'],
  ['chromium', ['--version'], 'chromium'],
  ['sh', ['-c', 'command -v certutil'], 'libnss3-tools'],
  ['nginx', ['-v'], 'nginx'],
  ['php', ['-v'], 'php-cli'],
  ['tinyproxy', ['-v'], 'tinyproxy-bin'],
  ['sh', ['-c', 'command -v microsocks'], 'microsocks'],
  ['sh', ['-c', 'squid -v | grep -q with-openssl'], 'squid-openssl'],
  ['haproxy', ['-v'], 'haproxy'],
  ['pgbouncer', ['--version'], 'pgbouncer'],
  ['apache2', ['-v'], 'apache2-bin'],
  ['lighttpd', ['-v'], 'lighttpd'],
  ['caddy', ['version'], 'caddy'],
  ['/usr/bin/python3', ['-c', 'import gunicorn'], 'gunicorn'],
  ['/usr/bin/python3', ['-c', 'import uvicorn'], 'uvicorn'],
  ['/usr/bin/python3', ['-c', 'import hypercorn'], 'python3-hypercorn'],
  ['/usr/bin/python3', ['-c', 'import httptools'], 'python3-httptools'],
  ['/usr/bin/python3', ['-c', 'import cheroot'], 'python3-cheroot'],
  ['/usr/bin/python3', ['-c', 'import waitress'], 'python3-waitress'],
  ['ruby', ['-v'], 'ruby'],
  ['ruby', ['-e', 'require "webrick"'], 'ruby-webrick'],
  ['nghttpx', ['--version'], 'nghttp2-proxy'],
  ['promtool', ['--version'], 'prometheus'],
  ['zstd', ['--version'], 'zstd'],
  ['zsh', ['--version'], 'zsh'],
  ['fish', ['--version'], 'fish'],
  ['ip', ['-V'], 'iproute2'],
  ['nft', ['--version'], 'nftables'],
  ['iptables', ['--version'], 'iptables'],
];
/** What tests call beside it, from Go's module proxy. */
const GO_PROGRAMS = [
  ['grpcurl', ['-version'], 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3'],
  ['versitygw', ['--version'], 'github.com/versity/versitygw/cmd/versitygw@v1.0.14'],
];
const lack = (names) => `tests that need ${names} will be skipped`;

await installIfStale();
await installPrograms(PROGRAMS, lack);
const mustBuild = process.env['SIDEKEY_SKIP_BUILD'] !== '1';
const [built] = await Promise.all([
  mustBuild ? run(process.execPath, ['scripts/build.mjs']) : 0,
  installGoPrograms(GO_PROGRAMS, lack),
]);
if (built !== 0) {
  console.log('0 passed, 1 failed');
  process.exit(built);
}
process.exit(await runTests());

async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-test-'));
  const report = join(folder, 'report.json');
  const args = [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ];
  const code = await run(bin('vitest'), args);
  let summary;
  try {
    summary = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.log('0 passed, 1 failed');
    return code === 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  printSummary(summary);
  return code;
}

/** Skipped and pending tests first, each with its name (the name says why), then the closing line. */
function printSummary(summary) {
  const left = summary.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => ['skipped', 'pending', 'todo'].includes(test.status))
      .map((test) => test.fullName),
  );
  if (left.length > 0) {
    console.log(`${left.length} skipped or pending:`);
    for (const name of left) console.log(`  ${name}`);
  }
  // A file that cannot be loaded, or whose set-up fails, has no failed test to count, but has failed.
  const broken = summary.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  console.log(`${summary.numPassedTests} passed, ${summary.numFailedTests + broken.length} failed`);
}
