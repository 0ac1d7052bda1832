"""The answers of three runs: the pack is the record, and what the page says of it is true."""

import json

import pytest

from book.build.paths import source
from trbook.explorables import Front, Wall, wall_runs
from trbook.explorables.files import BUILT
from trbook.explorables.modules import preloads
from trlab.record import read
from trlab.texts import Written, texts_of

FILE = json.loads((BUILT / "wall.data.json").read_text(encoding="utf-8"))
ONCE, MANY, HELD = FILE["lanes"]


def right(lane):
    return [tiles.count(wall_runs.RIGHT) for tiles in lane["tiles"]]


def test_the_pack_is_of_this_record():
    assert wall_runs.pack() == FILE, (
        "the record or the packing changed: `python -m book.build.pack.packs wall`, then stills"
    )
    history = read(wall_runs.SWEEP)[2]
    for lane in FILE["lanes"]:
        own = history[history["label"] == lane["name"]].sort_values("batch")["reward"]
        assert [count / 64 for count in right(lane)] == pytest.approx(own.tolist(), abs=1e-4)


ANSWERS = """(m, text) => {
    const data = JSON.parse(text);
    return data.lanes.map((_, lane) => data.asked.map((_, batch) => m.answers(data, lane, batch)));
}"""


def test_the_page_reads_the_answers_as_they_were_written(sources):
    runs = read(wall_runs.SWEEP)[1].set_index("label")
    written = [
        [[one.text.strip() for one in batch] for batch in texts_of(runs.loc[label]).values()]
        for label in wall_runs.LOOKS
    ]
    assert (
        sources("wall/words.js", ANSWERS, (BUILT / "wall.data.json").read_text(encoding="utf-8"))
        == written
    )


def test_every_run_was_asked_the_same():
    runs = read(wall_runs.SWEEP)[1]
    asked = [
        [[one.prompt for one in batch] for batch in texts_of(row).values()]
        for _, row in runs.iterrows()
    ]
    assert asked[0] == asked[1] == asked[2]
    assert [[f"{one}:" for one in batch for _ in range(8)] for batch in FILE["asked"]] == asked[0]


def test_a_sign_stands_for_nothing_else():
    one = Written("1 + 2 + 3:", " 1 + 2 = 3, 3 + 3 = 6. Answer 6", 1.0)
    other = one._replace(text=" 1 + 2 = 3, 3 + 3 = 16. Answer 6")
    assert wall_runs.shortened([one, one, other]) == ["{3}6~", "=", "{3}16. Answer 6"]
    with pytest.raises(ValueError, match="stands for a part"):
        wall_runs.shortened([one._replace(text="a { b")])


def test_what_the_first_page_says_of_the_record():
    assert right(MANY).index(max(right(MANY))) == 5 and max(right(MANY)) == 40  # 62.5 %
    page = source("book/index").read_text(encoding="utf-8")
    assert "63 %" in page and "used eight times, none is" in page
    assert right(MANY)[15] == 0 and min(right(ONCE)[15], right(HELD)[15]) > 32
    assert right(ONCE)[15] > right(HELD)[15]
    assert MANY["end"][2] < 0.05 < min(ONCE["end"][1], HELD["end"][1])
    lost = [run["end"][1] < 0.05 for run in FILE["again"]]
    assert lost.count(True) == 3 and len(lost) == 4
    for run in FILE["again"]:
        assert run["end"][0] > max(run["end"][1:]), "once ends highest in every run"


def test_it_is_small_and_comes_when_a_reader_comes_near():
    assert sum((BUILT / f"wall.{end}").stat().st_size for end in ("js", "data.json")) < 70_000
    assert preloads(Wall().html() + Front().html(), "x") == ""
    assert Wall().still() and "seed 7310" in str(Wall().still())
