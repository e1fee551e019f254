"""Runs a command on a terminal and types a line, that of standard input, when it is asked for one.

Prints what the terminal showed. Fails as the command does, and if the terminal is left without an echo.
"""

import os
import pty
import sys
import termios

line = sys.stdin.readline()
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""


def show_until(end):
    """Reads on to what ends a prompt, or as long as there is something."""
    global shown
    while end is None or not shown.endswith(end):
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more


show_until(b": ")
os.write(terminal, line.encode())
show_until(None)
echoes = termios.tcgetattr(terminal)[3] & termios.ECHO
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.stdout.write(shown.decode())
sys.exit(status or (0 if echoes else "the terminal does not echo any more"))
