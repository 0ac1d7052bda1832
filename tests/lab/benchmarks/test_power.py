"""How often a verdict is wrong and how often it finds what is there: simulated, and what is told of
it."""

import json
import re

import pytest

from benchmarks.power import (
    EFFECTS,
    FILE,
    TIMES,
    arms,
    breaking,
    coverage,
    level,
    measured,
    normal,
    power,
    tables,
)
from book.build.paths import NOTEBOOKS
from trlab.rule import LEAST
from trlab.statistics import iqm

PPO, RELAY, *_ = EFFECTS


@pytest.mark.parametrize("kind", ["normal", "breaking"])
def test_where_nothing_differs_a_difference_is_found_five_times_in_a_hundred(kind):
    assert 0.01 <= level(kind, "today", LEAST, times=200) <= 0.07


def test_twelve_runs_find_what_eight_pairs_could_not():
    higher, lower, family = arms(PPO)
    assert iqm(higher) - iqm(lower) == pytest.approx(0.25, abs=0.01) and family == 9
    for effect in (PPO, RELAY):
        first, last = power(effect, "today", LEAST, times=60)
        assert first > 0.9 and last > 0.9
        assert power(effect, "before", 8, times=60)[0] < 0.5
        assert power(effect, "today", 8, times=60)[0] > 0.9, "the test was too weak, not the runs"


def test_what_is_drawn_breaks_as_often_as_is_said():
    import numpy as np

    runs = breaking(np.random.default_rng(0), 4_000)
    assert 0.27 < (runs < 0.4).mean() < 0.33
    assert normal(np.random.default_rng(0), 4_000).std() == pytest.approx(0.05, rel=0.05)
    assert 0.6 <= coverage("breaking", 6, times=60) < coverage("normal", 16, times=60)


def test_the_chapter_prints_the_record():
    found = json.loads(FILE.read_text(encoding="utf-8"))
    cells = json.loads((NOTEBOOKS / "11_how_we_compare.ipynb").read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert found["times"] == TIMES and f"`{found['command']}`" in prose
    printed = re.findall(r"^\| \d+ \| \d+ and .*$", prose, re.MULTILINE)
    assert printed and all(row in tables(found) for row in printed)


@pytest.mark.nightly("draws for minutes")
def test_the_record_is_what_the_command_measures():
    again = json.loads(json.dumps(measured()))
    found = json.loads(FILE.read_text(encoding="utf-8"))
    assert again.keys() == found.keys() and again["correlation"] == found["correlation"]
    for part in ("level", "coverage"):
        assert again[part] == pytest.approx(found[part], abs=0.01)
    for name, shares in found["power"].items():
        assert again["power"][name] == pytest.approx(shares, abs=0.01)
