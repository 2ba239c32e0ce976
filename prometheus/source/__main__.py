"""Write the rule files. Each field of RuleOptions is an option: `--selector 'job="shop"'`."""

import argparse
from dataclasses import fields
from pathlib import Path

from prometheus.source.files import rule_files
from prometheus.source.options import RuleOptions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m prometheus.source", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("prometheus/rules"), metavar="DIR")
    for field in fields(RuleOptions):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(field.default),
            default=field.default,
            help=f"(default: {field.default!r})".replace("%", "%%"),
        )
    given = vars(parser.parse_args())
    output: Path = given.pop("output")
    output.mkdir(parents=True, exist_ok=True)
    for name, text in rule_files(RuleOptions(**given)).items():
        (output / name).write_text(text)


if __name__ == "__main__":
    main()
