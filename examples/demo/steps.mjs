// The steps of the demonstration. Each asserts what it shows and answers what a reader should see of it.
import assert from 'node:assert/strict';
import { runAgent, runAgentAlone, sleep } from './processes.mjs';

const CUT_WITHIN_MS = 1_000;

export const STEPS = [
  ['the agent holds no credential: this is its whole environment', showEnvironment],
  ['without Sidekey the API refuses the agent (401)', callAlone],
  ['through Sidekey the same call is answered (200)', callAllowed],
  ['a method that the policy does not name is denied with its reason (403)', callDenied],
  ['an unknown host is denied', callUnknownHost],
  ['an API that echoes the token back: the agent sees it scrubbed', callEcho],
  ['explain says how a call would be decided, without minting anything', explain],
  ['revoke: the stream in flight is cut within a second', revokeDuringStream],
  ['revoke: the next call is denied', callRevoked],
  ['every decision is in the log, and its chain of hashes verifies', verifyLog],
];

async function showEnvironment(world) {
  const { stdout } = await runAgent(world, ['env']);
  assertHasNoSecret(world, stdout, "the agent's environment");
  return stdout.trim().split('\n');
}

async function callAlone(world) {
  const answer = parse(await runAgentAlone(world, ['call', 'GET', `${world.apiUrl}/v1/items`]));
  assert.equal(answer.status, 401, describe(answer));
  return [`GET /v1/items -> 401 ${answer.body}`];
}

async function callAllowed(world) {
  const answer = await call(world, 'GET', '/v1/items');
  assert.equal(answer.status, 200, describe(answer));
  assert.equal(world.services.seenTokens.size, 1, 'the API has seen one token');
  return [`GET /v1/items -> 200 ${answer.body}`];
}

async function callDenied(world) {
  const before = world.services.seenCalls.length;
  const answer = await call(world, 'DELETE', '/v1/items');
  assert.equal(answer.status, 403, describe(answer));
  const problem = JSON.parse(answer.body);
  assert.equal(problem.code, 'rule-denied');
  assert.equal(world.services.seenCalls.length, before, 'the API never saw the call');
  return [`DELETE /v1/items -> 403 ${problem.code}: ${problem.detail ?? problem.title}`];
}

async function callUnknownHost(world) {
  const answer = parse(await runAgent(world, ['call', 'GET', 'https://unknown.example.com/']));
  if (answer.status === undefined) {
    // A client that is refused its tunnel reports no more than the status.
    assert.match(answer.error, /403/, describe(answer));
    return ['GET https://unknown.example.com/ -> 403 to its CONNECT; the log below says no-route'];
  }
  assert.equal(answer.status, 403, describe(answer));
  assert.equal(JSON.parse(answer.body).code, 'no-route');
  return ['GET https://unknown.example.com/ -> 403 no-route'];
}

async function callEcho(world) {
  const answer = await call(world, 'GET', '/v1/echo');
  assert.equal(answer.status, 200, describe(answer));
  const echoed = JSON.parse(answer.body);
  assert.ok(echoed.youSent.authorization, 'the API echoed the header');
  return [`"authorization": "${echoed.youSent.authorization.slice(0, 40)}…"`];
}

async function explain(world) {
  const { code, stdout, stderr } = await world.sidekey(
    'explain',
    '--workload',
    'support-agent',
    '--url',
    `${world.apiUrl}/v1/items`,
    '--method',
    'DELETE',
  );
  assert.equal(code, 3, stdout + stderr);
  return stdout.trim().split('\n');
}

async function revokeDuringStream(world) {
  let ticks = 0;
  let cutAt;
  const stream = runAgent(world, ['stream', `${world.apiUrl}/v1/stream`], (line) => {
    const seen = JSON.parse(line);
    if (seen.event === 'bytes') ticks += 1;
    if (seen.event === 'cut' || seen.event === 'end') cutAt = seen.at;
  });
  for (let waited = 0; ticks < 3; waited += 50) {
    if (waited > 10_000) throw new Error('the stream did not start');
    await sleep(50);
  }
  const started = Date.now();
  const { code, stderr } = await world.sidekey('revoke', 'workload', 'support-agent', '--reason', 'demonstration');
  const revokedAt = Date.now();
  assert.equal(code, 0, stderr);
  await Promise.race([stream, sleep(5_000)]);
  assert.ok(cutAt !== undefined, 'the stream was cut');
  // The command takes effect between its start and its end; counted from the end, being early is fine.
  const after = Math.max(0, cutAt - revokedAt);
  assert.ok(after <= CUT_WITHIN_MS, `the stream was cut ${after} ms after the revocation`);
  return [
    `cut ${cutAt - started} ms after \`sidekey revoke\` was started, which took ${revokedAt - started} ms to start, ask and end`,
  ];
}

async function callRevoked(world) {
  const answer = await call(world, 'GET', '/v1/items');
  assert.equal(answer.status, 403, describe(answer));
  assert.equal(JSON.parse(answer.body).code, 'workload-revoked');
  return ['GET /v1/items -> 403 workload-revoked'];
}

async function verifyLog(world) {
  let lines = [];
  // Records are sent in batches; the last one may still be under way.
  for (let tries = 0; tries < 40; tries += 1) {
    const { stdout } = await world.sidekey('logs', '-o', 'json');
    lines = stdout.split('\n').filter((line) => line !== '');
    if (lines.some((line) => line.includes('workload-revoked'))) break;
    await sleep(100);
  }
  for (const reason of ['rule-denied', 'no-route', 'workload-revoked']) {
    assert.ok(
      lines.some((line) => line.includes(reason)),
      `the log names ${reason}`,
    );
  }
  assertHasNoSecret(world, lines.join('\n'), 'the log');
  const verified = await world.sidekey('verify-log');
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  return [...(await world.sidekey('logs')).stdout.trim().split('\n'), ...verified.stdout.trim().split('\n')];
}

/** One call of the agent to the API. Whatever comes back, no secret may be in it. */
async function call(world, method, path) {
  const result = await runAgent(world, ['call', method, world.apiUrl + path]);
  assertHasNoSecret(world, result.stdout + result.stderr, 'what the agent saw');
  return parse(result);
}

function assertHasNoSecret(world, text, place) {
  for (const secret of [...world.services.seenTokens, world.services.client.secret]) {
    for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, -4), secret.split('.').at(-1)]) {
      assert.ok(!text.includes(form), `${place} holds a secret`);
    }
  }
}

function parse({ stdout, stderr }) {
  const line = stdout.trim().split('\n').at(-1);
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`the agent said: ${stdout}${stderr}`);
  }
}

function describe(answer) {
  return answer.error ?? `status ${answer.status}: ${answer.body}`;
}
