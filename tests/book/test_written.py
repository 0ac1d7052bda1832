"""The texts of three runs: the pack is the record, and what the page says of it is true."""

import json
import re

import pytest

from book.build.pack import packs
from book.build.tables import FIGURES
from trbook.explorables import Written, written_runs
from trbook.explorables.files import BUILT
from trbook.explorables.modules import preloads
from trbook.explorables.written import TOTALS
from trlab.record import read
from trlib.tasks import Prompt, load_task

FILE = json.loads(packs.WRITTEN.read_text(encoding="utf-8"))
ONCE, MANY, HELD = FILE["lanes"]
PLAIN = re.compile(r"(\d+|\+|=|Answer)[.,;]?")


def said(lane, batch, total):
    return lane["said"][batch][TOTALS.index(total)]


def share(lane, batch):
    return lane["right"][batch] / FILE["each"]


def test_the_pack_is_of_this_record():
    assert written_runs.pack() == FILE, (
        "the record or the packing changed: `python -m book.build.pack.packs written`, then stills"
    )
    sweep, runs, history = read(written_runs.SWEEP)
    assert (FILE["seed"],) == tuple(sweep.seeds) and FILE["each"] == 64 and FILE["tested"] == 512
    for lane in FILE["lanes"]:
        own = history[history["label"] == lane["name"]].sort_values("batch")
        assert [right / 64 for right in lane["right"]] == pytest.approx(
            own["reward"].tolist(), abs=1e-4
        )
        assert len(lane["said"]) == len(lane["right"]) + 1
        end = runs.set_index("label").loc[lane["name"], "sampled"]
        assert lane["end"][0] == pytest.approx(end, abs=5e-4)
        assert lane["end"][1] <= lane["end"][0] <= lane["end"][2]


def test_an_answer_is_right_as_the_task_says():
    task = load_task("aloud")
    assert [sum(map(int, prompt.split(" + "))) for prompt in FILE["prompts"]] == list(TOTALS)
    cut_off = []
    for lane in FILE["lanes"]:
        for row in lane["said"]:
            for prompt, total, (text, right) in zip(FILE["prompts"], TOTALS, row, strict=True):
                asked = Prompt(f"{prompt}:", str(total), 1)
                if task.verify(asked, text, ended=True).reward != right:
                    assert task.verify(asked, text, ended=False).reason == "no end"
                    cut_off.append(text)
    assert task.max_tokens == 32 and cut_off == ["21, 21 + 26 = 47, 47 + 26 = 63. Answer 63"]


def test_what_chapter_11_and_the_first_page_say_of_the_record():
    half = [
        next(batch for batch in range(16) if share(lane, batch) >= 0.5) for lane in (ONCE, MANY)
    ]
    assert half == [11, 2]
    opens, total = Written().batch, Written().total  # used eight times it leads, and alone is right
    assert [said(lane, opens, total)[1] for lane in FILE["lanes"]] == [0, 1, 0]
    assert MANY["right"][opens] == max(MANY["right"]) == 40  # 62.5 %
    assert share(MANY, opens) > max(share(ONCE, opens), share(HELD, opens)) + 0.05
    assert "63 %" in FIGURES["written"] and "after five batches" in FIGURES["written"]
    assert all(share(MANY, batch) > share(ONCE, batch) + 0.1 for batch in (1, 2, 4, 5, 6))
    assert share(MANY, 15) == 0 and MANY["end"][2] < 0.05 < min(ONCE["end"][1], HELD["end"][1])
    odd = [
        [
            batch
            for batch in range(17)
            if any(
                not PLAIN.fullmatch(word.strip("()")) for word in said(lane, batch, 86)[0].split()
            )
        ]
        for lane in FILE["lanes"]
    ]
    assert odd == [[], [13, 14, 15, 16], [9, 10]]


def test_it_is_small_and_comes_when_a_reader_comes_near():
    files = ("common.js", "written.js", "written.data.json")
    assert sum((BUILT / name).stat().st_size for name in files) < 120_000
    assert preloads(Written().html(), "x") == ""
    assert Written().still() and "seed 7310" in str(Written().still())
