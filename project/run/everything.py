"""Starts the whole reference project and its monitoring, and prints where they answer."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from monitoring.errors import MonitoringError
from monitoring.storage import directory as metrics_directory
from project import environment
from project.environment import Environment
from project.run import launch, listening, output, watching
from project.run.redis_choice import RedisChoice, choose
from project.run.supervisor import Service, Supervisor
from project.run.watching import Watcher

_SCRAPE_PATH = "/api/metrics/prometheus/"
_LATE_SECONDS = 60.0


def run_everything() -> int:
    """Run until Ctrl-C; returns the exit status."""
    os.chdir(environment.BASE_DIR)
    os.environ["DEMO_VIEWS"] = os.environ.get("DEMO_VIEWS") or "1"
    try:
        site = environment.read()
        metrics_directory.ensure(site.metrics_directory)
        listening.check_free([site.bind, site.exporter_bind])
    except (environment.EnvironmentVariableError, MonitoringError) as error:
        return _fail(str(error))
    environment.VAR_DIR.mkdir(exist_ok=True)
    redis = choose(site.redis_url, environment.VAR_DIR)
    os.environ["REDIS_URL"] = redis.url
    # gunicorn reads this before its configuration, and refuses an empty value.
    os.environ["WEB_CONCURRENCY"] = str(site.workers)
    os.environ.setdefault("CELERY_BROKER_URL", redis.url)
    output.write("Migrating the database, then starting the servers …\n")
    trouble = _migrate()
    if trouble:
        return _fail(f"the database (DATABASE_URL) could not be migrated: {trouble}")
    token = os.environ.get("WEBHOOK_TOKEN") or secrets.token_urlsafe(32)
    os.environ["WEBHOOK_TOKEN"] = token
    with tempfile.TemporaryDirectory(prefix="make-run-") as directory:
        watchers = watching.prepare(
            Path(directory), listening.url(site.bind), listening.url(site.exporter_bind), token
        )
        supervisor = Supervisor(_stages(site, redis, watchers, Path(directory)))
        return supervisor.run(lambda: _announce(supervisor, site, redis, watchers))


def _stages(
    site: Environment, redis: RedisChoice, watchers: list[Watcher], directory: Path
) -> list[list[Service]]:
    programs = Path(sys.executable).parent
    web = Service(
        "web",
        [str(programs / "gunicorn"), "-c", "gunicorn.conf.py"],
        # On SIGQUIT gunicorn ends its workers at once; SIGKILL would leave them for a while.
        orphan_signal=signal.SIGQUIT,
    )
    exporter = Service(
        "exporter", [sys.executable, "manage.py", "exporter", "--bind", str(site.exporter_bind)]
    )
    watching_services = [
        Service(watcher.name, watcher.command, is_quiet=True) for watcher in watchers
    ]
    stages = [[web, exporter, *_celery(programs, directory)], watching_services]
    if redis.command is not None:
        stages.insert(0, [Service("redis", redis.command, is_quiet=True)])
    return stages


def _celery(programs: Path, directory: Path) -> list[Service]:
    """A worker with two children, and beat."""
    celery = [str(programs / "celery"), "--quiet", "--app", "project"]
    quiet = ["--loglevel", "WARNING"]
    return [
        # On SIGQUIT the worker ends its children; SIGKILL would leave them.
        Service(
            "worker",
            [*celery, "worker", "--concurrency", "2", *quiet],
            orphan_signal=signal.SIGQUIT,
        ),
        Service(
            "beat",
            [*celery, "beat", *quiet, "--pidfile", "", "--schedule", str(directory / "beat")],
        ),
    ]


def _migrate() -> str | None:
    """Migrate; returns the error without its traceback, or None."""
    done = subprocess.run(
        launch.command(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
            signal.SIGKILL,
        ),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        check=False,
    )
    if not done.returncode:
        return None
    lines = done.stderr.splitlines()
    # The lines of a traceback are indented by two spaces; what follows the last one is the error.
    indented = [number for number, line in enumerate(lines) if line.startswith("  ")]
    said = "\n".join(lines[indented[-1] + 1 :] if "Traceback" in done.stderr else lines)
    return f"{said}\n(full output: .venv/bin/python manage.py migrate)"


def _announce(
    supervisor: Supervisor, site: Environment, redis: RedisChoice, watchers: list[Watcher]
) -> None:
    """Print the URLs once they answer."""
    late = time.monotonic() + _LATE_SECONDS
    # A POST to the scrape URL is refused before any merge, and is not counted.
    while not (
        listening.answers(site.bind, "POST", _SCRAPE_PATH)
        and listening.answers(site.exporter_bind, "GET", "/-/ready")
        and all(listening.answers(watcher.address, "GET", "/-/ready") for watcher in watchers)
    ):
        if supervisor.is_stopping:
            return
        if time.monotonic() > late:
            output.write_line("make run", "no answer yet; the URLs follow when the servers answer")
            late += _LATE_SECONDS
        time.sleep(0.1)
    if not supervisor.is_stopping:
        output.write(_banner(site, redis, watchers))


def _banner(site: Environment, redis: RedisChoice, watchers: list[Watcher]) -> str:
    web = listening.url(site.bind)
    demo = f"  Demo      {web}/demo/ok/   (more on the front page)\n"
    watching_lines = "".join(
        f"  {watcher.name.title()}  {listening.url(watcher.address)}/\n" for watcher in watchers
    )
    return (
        f"\n  Site      {web}/\n"
        f"{demo if site.demo_views else ''}"
        f"  Metrics   {web}{_SCRAPE_PATH}\n"
        f"  Exporter  {listening.url(site.exporter_bind)}/metrics\n"
        f"  Admin     {web}/admin/   (make a user: .venv/bin/python manage.py createsuperuser)\n"
        f"  Redis     {environment.without_secrets(redis.url)}   ({redis.origin})\n"
        f"{watching_lines}"
        "\n  Ctrl-C stops everything.\n\n"
    )


def _fail(message: str) -> int:
    print(f"make run: {message}", file=sys.stderr)
    return 1
