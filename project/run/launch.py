"""Runs a program that the kernel ends when its parent ends, however that ends: `prctl(2)`.

usage: launch.py PARENT-PID SIGNAL PROGRAM [ARGUMENT…]

Only the standard library, and run with -I -S: it is in the way of every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int, number: signal.Signals) -> None:
    """Have this process sent the signal when `parent`, its parent, is gone; also if it is already.

    It survives exec, but for programs that change the user, and children do not inherit it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def command(arguments: list[str], number: signal.Signals) -> list[str]:
    """The command line that runs `arguments` as a child of this process that ends with it."""
    parent = str(os.getpid())
    return [sys.executable, "-I", "-S", __file__, parent, str(int(number)), *arguments]


if __name__ == "__main__":
    end_with(int(sys.argv[1]), signal.Signals(int(sys.argv[2])))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  (that is what it is for)
