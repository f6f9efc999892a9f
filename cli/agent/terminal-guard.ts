const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2n;

const [TIOCSTI, TIOCLINUX] = [0x5412, 0x541c];
/** Of the x32 ABI, which has numbers of its own. */
const X32_BIT = 0x4000_0000;
/** By Node's name: the number of `ioctl` and the kernel's name of the architecture (AUDIT_ARCH_*), with that of its 32-bit programs. */
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  x64: { name: 0xc000_003e, ioctl: 16, name32: 0x4000_0003, ioctl32: 54 },
  arm64: { name: 0xc000_00b7, ioctl: 29, name32: 0x4000_0028, ioctl32: 54 },
};

interface Architecture {
  readonly name: number;
  readonly ioctl: number;
  readonly name32: number;
  readonly ioctl32: number;
}

/**
 * Keeps what this process starts from now on from putting characters into its terminal as if its user had typed them (TIOCSTI and
 * TIOCLINUX, ioctl_tty(2)): the shell outside would run them, as another user or out of what it was isolated in. A seccomp(2)
 * filter that every descendant inherits.
 *
 * @returns whether it took effect
 */
export async function guardTerminal(): Promise<boolean> {
  const architecture = ARCHITECTURES[process.arch];
  if (process.platform !== 'linux' || architecture === undefined) return false;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    const program = koffi.struct({ len: 'uint16', filter: 'uint8_t *' });
    const setFilter = library.func('prctl', 'int', ['int', 'unsigned long', koffi.pointer(program)]);
    const setFlag = library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
    const filter = terminalFilter(architecture);
    const guard = (): boolean =>
      setFilter(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, { len: filter.length / INSTRUCTION_BYTES, filter }) === 0;
    // Only who may not administer the system has to give up setuid programs for it.
    return guard() || (setFlag(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0 && guard());
  } catch {
    // koffi is an optional dependency.
    return false;
  }
}

const INSTRUCTION_BYTES = 8;
/** Where the kernel keeps a call's number, architecture and, of its second argument, the 32 bits that ioctl reads. */
const [NUMBER, NAME, REQUEST] = [0, 4, 24];
/** linux/bpf_common.h */
const [LOAD, IF_EQUAL, IF_AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
const [ALLOW, EPERM, ENOSYS] = [0x7fff_0000, 0x0005_0001, 0x0005_0026];

/** A program of classic BPF (linux/seccomp.h); jumps count the instructions that they leave out. */
function terminalFilter({ name, ioctl, name32, ioctl32 }: Architecture): Buffer {
  const instructions: readonly (readonly [code: number, ifTrue: number, ifFalse: number, value: number])[] = [
    [LOAD, 0, 0, NAME],
    [IF_EQUAL, 0, 3, name],
    [LOAD, 0, 0, NUMBER],
    [IF_AT_LEAST, 9, 0, X32_BIT],
    [IF_EQUAL, 3, 6, ioctl],
    [IF_EQUAL, 0, 7, name32],
    [LOAD, 0, 0, NUMBER],
    [IF_EQUAL, 0, 3, ioctl32],
    [LOAD, 0, 0, REQUEST],
    [IF_EQUAL, 2, 0, TIOCSTI],
    [IF_EQUAL, 1, 0, TIOCLINUX],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ENOSYS],
  ];
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  instructions.forEach(([code, ifTrue, ifFalse, value], index) => {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value, at + 4);
  });
  return bytes;
}
