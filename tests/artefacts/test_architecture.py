"""docs/architecture.md tells of the code as it is: its floors, its rooms, its trips."""

import re
import tomllib

import pytest

from tests.paths import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text()
PICTURE = (ROOT / "docs/images/house.svg").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = section[section.index("\n|") :].strip().split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n")[2:]]


def contract_floors() -> list[set[str]]:
    """The layers of the import contract, from the top down."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (floors,) = (each for each in linter["contracts"] if each["id"] == "floors")
    return [set(re.findall(r"\w+", layer)) for layer in floors["layers"]]


def page_floors() -> list[set[str]]:
    named = [set(re.findall(r"`(\w+)/?`", row[1])) for row in rows("The floors")]
    return [rooms for rooms in named if rooms]


def test_the_table_has_every_room_on_the_floor_of_its_contract() -> None:
    """A floor of the table is one layer of the contract or several that follow each other."""
    layers = contract_floors()
    for rooms in page_floors():
        floor: set[str] = set()
        while floor != rooms:
            assert layers, f"no layers are left for {rooms - floor}"
            assert layers[0] <= rooms, f"{layers[0] - rooms} stand on another floor of the contract"
            floor |= layers.pop(0)
    assert not layers


def test_the_picture_has_every_folder() -> None:
    drawn = set(re.findall(r">([a-z_]+)/?</text>", PICTURE))
    folders = {path.parent.name for path in (ROOT / "monitoring").glob("*/__init__.py")}
    assert folders - {"migrations", "templatetags"} <= drawn


@pytest.mark.parametrize("trip", rows("Five trips"), ids=lambda trip: trip[0].split()[1])
def test_a_trip_passes_rooms_that_there_are(trip: list[str]) -> None:
    rooms = re.findall(r"`([\w/]+)`", trip[1])
    assert len(rooms) >= 4
    for room in rooms:
        assert (ROOT / "monitoring" / f"{room}.py").is_file(), room
