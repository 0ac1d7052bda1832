"""The figure of the loop: what it carries is what the shipped model writes."""

import json

import pytest

from trbook.explorables.files import BUILT
from trbook.explorables.loop import GROUPS
from trbook.explorables.loop_batch import LR, batch

FILE = json.loads((BUILT / "loop.data.json").read_text(encoding="utf-8"))


def test_the_file_holds_what_the_shipped_model_writes():
    made = batch()
    assert (
        FILE["lr"] == made["lr"] == LR and tuple(FILE["groups"]) == tuple(made["groups"]) == GROUPS
    )
    for name, group in made["groups"].items():
        kept = FILE["groups"][name]
        for got, want in [(kept, group), *zip(kept["rows"], group["rows"], strict=True)]:
            for key, value in want.items():
                if key != "rows":
                    assert got[key] == (
                        pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
                    ), key
