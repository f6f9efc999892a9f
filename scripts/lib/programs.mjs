/** Programs that tests and the bench call: from Debian, installed when root; and from Go's module proxy. */
import { join } from 'node:path';
import { capture } from './run.mjs';

const GO_INSTALL_MS = 300_000;

/**
 * @param programs [program, arguments that succeed at once, Debian package]
 * @param lack what becomes of those who need them, for the message: "tests that need X will be skipped"
 */
export async function installPrograms(programs, lack) {
  const missing = [];
  for (const [program, args, name] of programs) {
    const { code } = await capture(program, args);
    if (code !== 0 && !missing.includes(name)) missing.push(name);
  }
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    console.log(`${lack(missing.join(', '))}: installing them needs root`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await capture('apt-get', ['update', '-qq'], { env });
  const { code, output } = await capture('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    env,
  });
  if (code !== 0) console.log(`could not install ${missing.join(', ')}: ${output.trim().split('\n').at(-1)}`);
}

/**
 * Into Go's own folder of programs.
 *
 * @param programs [program, arguments that succeed at once, package@version]
 * @param lack as of installPrograms
 */
export async function installGoPrograms(programs, lack) {
  const { code: hasNoGo, output: folder } = await capture('go', ['env', 'GOPATH']);
  for (const [program, args, source] of programs) {
    const places = hasNoGo ? [program] : [program, join(folder.trim(), 'bin', program)];
    const found = await Promise.all(places.map((place) => capture(place, args)));
    if (found.some(({ code }) => code === 0)) continue;
    if (hasNoGo) {
      console.log(`${lack(program)}: installing it needs Go`);
      continue;
    }
    const options = { env: { ...process.env, GOTOOLCHAIN: 'local' }, timeout: GO_INSTALL_MS };
    const { code, output } = await capture('go', ['install', source], options);
    if (code !== 0) console.log(`${lack(program)}: ${output.trim().split('\n').at(-1)}`);
  }
}
