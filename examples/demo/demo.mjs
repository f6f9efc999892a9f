// The demonstration: an agent that holds no credential calls a real HTTPS API through Sidekey.
//   node examples/demo/demo.mjs          runs it and stays up for your own calls
//   node examples/demo/demo.mjs --once   runs it and ends
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STEPS } from './steps.mjs';
import { stopAll } from './processes.mjs';
import { startWorld } from './world.mjs';

const once = process.argv.includes('--once');
const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
const say = (line = '') => console.log(line);

const folder = mkdtempSync(join(tmpdir(), 'sidekey-demo-'));
let passed = 0;
let world;
let ending;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => finish(130));
}

try {
  say(paint(1, 'Sidekey: an agent without a credential calls an API that demands one'));
  world = await step('start an OpenID provider, an HTTPS API, a control plane and a proxy', () => startWorld(folder));
  for (const [name, run] of STEPS) await step(name, () => run(world));
} catch {
  await finish(1);
}

if (once) {
  await finish(0);
} else {
  await world.liftRevocations();
  say();
  say(paint(1, 'Your turn. The revocation is lifted; call the API yourself, without any token:'));
  say();
  for (const line of world.instructions()) say(`  ${line}`);
  say();
  say('Ctrl-C ends everything.');
}

async function step(name, run) {
  const started = Date.now();
  const notes = [];
  try {
    const result = await run();
    if (Array.isArray(result)) notes.push(...result);
    passed += 1;
    say(`${paint(32, '✓')} ${name} ${paint(90, `${Date.now() - started} ms`)}`);
    for (const note of notes) say(`    ${paint(90, note)}`);
    return result;
  } catch (error) {
    if (ending !== undefined) return ending;
    say(`${paint(31, '✗')} ${name}`);
    say(`    ${error.message}`);
    throw error;
  }
}

/** Ends the processes, then this one. Never returns; asked again, it is the first end that counts. */
function finish(code) {
  ending ??= end(code);
  return ending;
}

async function end(code) {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
  if (once || code === 1) say(`${passed} passed, ${code === 1 ? 1 : 0} failed`);
  process.exit(code);
}
