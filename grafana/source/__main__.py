"""Write the dashboards. Use the same targets as for `python -m prometheus.source`."""

import argparse
from pathlib import Path

from grafana.source.dashboards import dashboard_files
from prometheus.source.options import RuleOptions


def main() -> None:
    default = RuleOptions()
    parser = argparse.ArgumentParser(prog="python -m grafana.source", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("grafana/dashboards"), metavar="DIR")
    parser.add_argument("--runbook-url", default=default.runbook_url)
    parser.add_argument("--availability-target", type=float, default=default.availability_target)
    parser.add_argument("--latency-target", type=float, default=default.latency_target)
    parser.add_argument("--latency-seconds", type=float, default=default.latency_seconds)
    given = vars(parser.parse_args())
    output: Path = given.pop("output")
    output.mkdir(parents=True, exist_ok=True)
    for name, text in dashboard_files(RuleOptions(**given)).items():
        (output / name).write_text(text)


if __name__ == "__main__":
    main()
