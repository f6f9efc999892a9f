/** Programs from Debian that tests and the bench call, installed when root. */
import { capture } from './run.mjs';

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
