"""Windows keep django-prometheus's families under the names that the project exposes."""

import pytest

from tests.unit.conftest import RunPython

TELL = """
from django.conf import settings
settings.configure(PROMETHEUS_METRIC_NAMESPACE={namespace!r})
from monitoring.figures.foreign_names import foreign
from monitoring.figures.moments import is_kept
names = ("django_db_execute", "shop_django_db_execute", "shop_django_cache_get", "shop_orders")
print(foreign("django_db_execute"), *(name for name in names if is_kept(name, "counter")))
"""


@pytest.mark.parametrize(
    ("namespace", "told"),
    [
        ("", "django_db_execute django_db_execute"),
        ("shop", "shop_django_db_execute shop_django_db_execute shop_django_cache_get"),
    ],
)
def test_the_namespace_stands_before_the_names(
    namespace: str, told: str, run_python: RunPython
) -> None:
    assert run_python(TELL.format(namespace=namespace)).strip() == told
