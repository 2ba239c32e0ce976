"""The status page's one script says what its modules say."""

from pathlib import Path

import pytest

from monitoring.page.source.bundle import HERE, SCRIPT, NotBundledError, bundled


def test_the_script_is_as_generated() -> None:
    assert SCRIPT.read_text() == bundled(), "run `make page`"


def test_every_module_is_in_it_and_it_imports_nothing() -> None:
    script = bundled()
    for module in HERE.glob("*.js"):
        assert f"\n// {module.name}\n" in script
    assert "\nimport " not in script
    assert "\nexport " not in script


@pytest.mark.parametrize(
    ("other", "main", "reason"),
    [
        ("const sign = 1;", "const sign = 2;", "sign is in other.js and in status.js"),
        ("const sign = 1;", "", "imports name, which other.js does not export"),
        ('import { name } from "./status.js";', "", "a circle of imports"),
        ('import * as all from "./x.js";', "", "other.js: import"),
        ("export default 1;", "", "other.js: export"),
    ],
)
def test_what_one_scope_cannot_hold_is_refused(
    other: str, main: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "other.js").write_text(f"{other}\n")
    (tmp_path / "status.js").write_text(f'import {{ name }} from "./other.js";\n{main}\n')
    with pytest.raises(NotBundledError, match=reason):
        bundled(tmp_path)
