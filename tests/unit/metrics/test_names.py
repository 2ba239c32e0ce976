"""The names of the families need nothing: rules, dashboards and documents read them alone."""

from tests.unit.conftest import RunPython


def test_names_are_read_without_django(run_python: RunPython) -> None:
    code = "import sys; from monitoring.metrics import names; print('django' in sys.modules)"
    assert run_python(code).strip() == "False"
