"""The packed basins are those of the records as they are."""

import json
import math

import pytest

from trbook.explorables import basins
from trbook.explorables.files import BUILT

FILE = json.loads((BUILT / "basin.data.json").read_text(encoding="utf-8"))


def test_a_number_that_there_is_not_is_none():
    assert basins._short(math.nan) is None, "JSON has no NaN"


@pytest.mark.test_all("reads three records, which change only with what is packed of them")
def test_the_pack_is_of_these_records():
    assert basins.pack() == FILE, (
        "a record or the packing changed: `python -m book.build.pack.packs`, then `-m book.build.draw.stills`"
    )
    assert [(panel["sweep"], panel["uses"], panel["threshold"]) for panel in FILE["panels"]] == [
        ("basin", "16", "default"),
        *(("basin_map", uses, "default") for uses in ("1", "4", "16")),
        *(("basin_narrow", "16", threshold) for threshold in ("a third", "a tenth")),
    ]
