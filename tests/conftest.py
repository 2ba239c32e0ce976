"""`pytest --platform=macos|windows`: as on that system, without the tests that need more."""

import os
import subprocess
import sys

import pytest

from tests import platforms

_left_out = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--platform",
        choices=platforms.PLATFORMS,
        help="take from Python what this system lacks, and leave out the tests that need it",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Begin again in a Python that lacks it from its start."""
    chosen = config.getoption("--platform")
    if not chosen or platforms.tested() == chosen:
        return None
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.suspend_global_capture(in_=True)
    command = [sys.executable, "-m", "pytest", *config.invocation_params.args]
    env = {**os.environ, **platforms.environment(chosen)}
    return subprocess.run(command, env=env, check=False).returncode


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*what): what it needs of the system, of tests.platforms.LACKING"
    )
    config.stash[_left_out] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        needs = {what for mark in item.iter_markers("needs") for what in mark.args}
        if unknown := needs - platforms.LACKING.keys():
            raise pytest.UsageError(f"{item.nodeid} needs {unknown}, which LACKING does not name")
        lacks = sorted(what for what in needs if platforms.tested() in platforms.LACKING[what])
        (left if lacks else kept).append(item)
        if lacks:
            counts = config.stash[_left_out]
            what = ", ".join(lacks)
            counts[what] = counts.get(what, 0) + 1
    if left:
        items[:] = kept
        config.hook.pytest_deselected(items=left)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # every worker collects all of them
        session.config.workeroutput["left_out"] = session.config.stash[_left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    told = getattr(node, "workeroutput", {}).get("left_out", {})
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[_left_out].update(told)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    left = config.stash[_left_out]
    if left:
        terminalreporter.write_sep("=", f"left out, {platforms.tested()} lacks what they need")
        for what, count in sorted(left.items()):
            terminalreporter.write_line(f"{count:4} need {what}")
