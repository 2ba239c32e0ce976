"""Runs a program that the kernel ends when its parent ends, even if killed: see `prctl(2)`.

usage: launch.py PARENT-PID SIGNAL PROGRAM [ARGUMENT…]

It uses only the standard library and runs with -I -S, because it delays every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int, number: signal.Signals) -> None:
    """Make the kernel signal this process when `parent`, its parent, ends; now if it has ended.

    The setting survives exec, except of set-user-ID programs; children do not inherit it.
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
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  (its purpose)
