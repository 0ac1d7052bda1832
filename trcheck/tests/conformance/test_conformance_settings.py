"""Settings of libraries: the page (book/check/settings.md) is written from the record, and each
link leads to the setting."""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from trcheck.conformance import settings

ENTRIES = json.loads(settings.PATH.read_text(encoding="utf-8"))


def test_the_page_is_written_from_the_record():
    text = settings.PAGE.read_text(encoding="utf-8")
    assert settings.written(text) == text, "python -m trcheck.conformance.settings"
    headings = {heading for heading, _ in settings.TABLE.findall(text)}
    for entry in ENTRIES:
        assert entry["does"] and entry["does"].keys() <= headings, entry["key"]
        day = entry["source of"]
        assert day == "undated" or "2026-05" < day < "2026-11-01", "a source's day, no reader's"


@pytest.mark.parametrize("library", ["verl", "trl", "torchrl"])
def test_the_linked_line_of_an_installed_library_has_the_setting_and_its_default(library):
    """The default may stand in the line below (`default=4,`)."""
    if (found := find_spec(library)) is None or found.origin is None:
        pytest.skip(f"{library} is not installed")
    linked = re.compile(rf"/blob/v{re.escape(version(library))}/({library}/.+)#L(\d+)$")
    for entry in ENTRIES:
        if link := linked.search(entry["link"]):
            lines = (
                (Path(found.origin).parents[1] / link[1]).read_text(encoding="utf-8").split("\n")
            )
            here, below = lines[int(link[2]) - 1 : int(link[2]) + 1]
            assert re.split(r"[.(]", entry["key"].rstrip(")"))[-1] in here, entry["link"]
            default = entry["default"].lower()
            assert default in here.lower() or f"default={default}" in below.lower().replace(
                '"', ""
            ), entry["link"]
