"""An agent on a terminal: says what it reads and what happens to it, and leaves its parent's process id and its own in a file. "stop" has it stop itself."""
import os, signal, sys, time


def say(*words):
    try:
        os.write(1, f"agent {' '.join(map(str, words))}\n".encode())
    except OSError:
        pass  # The terminal is gone.


signal.signal(signal.SIGWINCH, lambda *_: say("sees", os.get_terminal_size().lines, "lines"))
signal.signal(signal.SIGCONT, lambda *_: say("goes on"))
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getppid()} {os.getpid()}")
say("is ready")
try:
    for line in sys.stdin:
        if line.strip() == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            say("read", line.strip())
except OSError:
    pass
while True:
    time.sleep(0.1)
