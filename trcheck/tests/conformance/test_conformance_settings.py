"""Settings of libraries: the page (book/check/settings.md) is written from the record."""

import json

from trcheck.conformance import settings


def test_the_page_is_written_from_the_record():
    text = settings.PAGE.read_text(encoding="utf-8")
    assert settings.written(text) == text, "python -m trcheck.conformance.settings"
    headings = {heading for heading, _ in settings.TABLE.findall(text)}
    for entry in json.loads(settings.PATH.read_text(encoding="utf-8")):
        assert entry["does"] and entry["does"].keys() <= headings, entry["key"]
        day = entry["source of"]
        assert day == "undated" or "2026-05" < day < "2026-11-01", "a source's day, no reader's"
