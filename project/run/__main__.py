"""`make run`: resets signals before slow imports, so that an early Ctrl-C ends it quietly."""

import os
import signal
import sys


def main() -> int:
    # Nothing has started yet that needs an orderly stop: see supervisor.py.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    from project.run.everything import run_everything  # noqa: PLC0415
    from project.run.launch import end_with  # noqa: PLC0415

    if "MAKE_PID" in os.environ:
        end_with(int(os.environ.pop("MAKE_PID")), signal.SIGTERM)
    return run_everything()


if __name__ == "__main__":
    sys.exit(main())
