"""A variant's process: answers commands from stdin, one JSON object per line."""

import argparse
import cProfile
import json
import os
import pstats
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import variants


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=variants.VARIANTS)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--cpu", type=int)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    variants.start(variants.VARIANTS[arguments.variant], arguments.directory)
    from bench.client import Client

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # no print may mix with the answers
    client = Client()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        profile_to = command.pop("profile_to", None)
        if profile_to is None:
            timing = client.measure(**command)
        else:
            profiler = cProfile.Profile()
            timing = profiler.runcall(client.measure, **command)
            pstats.Stats(profiler).dump_stats(profile_to)
        print(json.dumps(asdict(timing)), file=answers, flush=True)
    client.close()


if __name__ == "__main__":
    main()
