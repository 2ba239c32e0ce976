"""One environment with the built wheel for all hosts of a test process."""

from pathlib import Path

import pytest

from tests.adoption.host import (
    OTHERS,
    SERVERS,
    Environment,
    build_wheel,
    host_python,
    make_environment,
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    work, extras = tmp_path_factory.mktemp("environment"), "api,django-prometheus"
    return make_environment(work, host_python(), wheel, *SERVERS, *OTHERS, extras=extras)
