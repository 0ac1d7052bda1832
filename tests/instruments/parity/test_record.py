"""The record of conformance says what the installed libraries compute today."""

from __future__ import annotations

import json

import pytest

from trlab.conformance import libraries
from trlab.conformance.report import RECORD
from trlab.conformance.vectors import load

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.nightly("searches every deviation of every loss; each loss has its own parity test")
@pytest.mark.parametrize("library", libraries.WRITTEN_FOR)
def test_the_record_is_what_a_run_finds(library, request):
    request.getfixturevalue(library)  # imported once, or a failure that says how to install it
    recorded = next(
        e for e in json.loads(RECORD.read_text())["libraries"] if e["library"] == library
    )
    assert recorded["version"] == libraries.installed(library)
    with libraries.opened(library) as modules:
        found = [finding.as_dict() for finding in libraries.hold(load(), library, modules)]
    assert found == recorded["findings"]
