"""Somebody at a terminal with bash on it: plays steps (JSON: [["type", TEXT], ["see", TEXT], ["size", LINES],
["stopped"]]), then closes the terminal. "stopped": the agent of the file named second, which until then may take what is typed.

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
for step in json.loads(sys.argv[1]):
    verb, what = step[0], step[-1]
    if verb == "type":
        os.write(terminal, what.encode())
    elif verb == "size":
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", what, 80, 0, 0))
    elif verb == "stopped":
        end = time.monotonic() + WAIT_SECONDS
        while open(f"/proc/{open(sys.argv[2]).read().split()[1]}/stat").read().rsplit(")", 1)[1].split()[0] != "T":
            if time.monotonic() > end:
                sys.exit("the agent never stopped")
            time.sleep(0.01)
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
