import { closeSync } from 'node:fs';

/** Numbers of landlock(7), the same on every architecture. */
const [LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF] = [444, 446];
const LANDLOCK_SCOPE_SIGNAL = 2n;
const PR_SET_NO_NEW_PRIVS = 38;

/**
 * Keeps what this thread starts from now on from sending signals to processes outside: one that stops a control plane has time for what
 * it else has not, and one that ends it can meet the next start, before SIGUSR1 is caught there. Linux 6.12 or newer with Landlock.
 *
 * @returns whether it took effect
 */
export async function guardSignals(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    const syscall = library.func('long syscall(long, ...)');
    const setFlag = library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
    // struct landlock_ruleset_attr { u64 handled_access_fs; u64 handled_access_net; u64 scoped; }
    const scoped = Buffer.alloc(24);
    scoped.writeBigUInt64LE(LANDLOCK_SCOPE_SIGNAL, 16);
    const ruleset: number = syscall(
      LANDLOCK_CREATE_RULESET,
      'uint8_t *',
      scoped,
      'size_t',
      scoped.length,
      'uint32_t',
      0,
    );
    if (ruleset < 0) return false;
    try {
      // Of no consequence to who is isolated: setuid programs do nothing there.
      setFlag(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      return syscall(LANDLOCK_RESTRICT_SELF, 'int', ruleset, 'uint32_t', 0) === 0;
    } finally {
      closeSync(ruleset);
    }
  } catch {
    // koffi is an optional dependency.
    return false;
  }
}
