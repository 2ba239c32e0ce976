"""Write the rule files. Each field of Settings is an option: `--selector 'job="shop"'`."""

import argparse
from dataclasses import fields
from pathlib import Path

from prometheus.source.files import rule_files
from prometheus.source.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m prometheus.source", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("prometheus/rules"), metavar="DIR")
    for field in fields(Settings):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(field.default),
            default=field.default,
            help=f"(default: {field.default!r})".replace("%", "%%"),
        )
    given = vars(parser.parse_args())
    output: Path = given.pop("output")
    output.mkdir(parents=True, exist_ok=True)
    for name, text in rule_files(Settings(**given)).items():
        (output / name).write_text(text)


if __name__ == "__main__":
    main()
