import { spawnSync } from 'node:child_process';

/** By the number of Landlock's interface, which the kernel says (landlock_create_ruleset(2)). */
const ASK = 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))';

/** Whether processes can be kept from signalling those outside: Linux 6.12 or newer. */
export function canScopeSignals(): boolean {
  return Number(spawnSync('python3', ['-c', ASK], { encoding: 'utf8' }).stdout) >= 6;
}
