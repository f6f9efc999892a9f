const PR_SET_DUMPABLE = 4;

/**
 * Keeps other processes of the same user out of this one's memory: PR_SET_DUMPABLE 0 closes /proc/PID/mem, ptrace and
 * core dumps (prctl(2)); SIGUSR1, which would open Node's inspector, is ignored.
 *
 * @returns whether its memory is closed
 */
export async function hardenProcess(): Promise<boolean> {
  process.on('SIGUSR1', () => {});
  if (process.platform !== 'linux') return false;
  try {
    const { default: koffi } = await import('koffi');
    // What this process has loaded already holds the C library, whatever its name (glibc, musl).
    const prctl = koffi.load(null).func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0;
  } catch {
    // koffi is an optional dependency: without it the measure is missing, and start-up says so.
    return false;
  }
}
