"""Somebody at a terminal with bash on it: plays steps (JSON: [["type", TEXT], ["see", TEXT], ["size", LINES]]), then closes the terminal.

Writes what was shown; ends with 1 and says what never came.
"""
import fcntl, json, os, pty, select, struct, sys, termios, time

WAIT_SECONDS = 60
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
shown = b""
seen = 0
for verb, what in json.loads(sys.argv[1]):
    if verb == "type":
        os.write(terminal, what.encode())
    elif verb == "size":
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", what, 80, 0, 0))
    else:
        end = time.monotonic() + WAIT_SECONDS
        while what.encode() not in shown[seen:]:
            if time.monotonic() > end:
                sys.exit(f"never shown: {what!r}, but: {shown.decode()}")
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096)
        seen = shown.index(what.encode(), seen) + len(what)
os.close(terminal)
os.write(1, shown)
