"""The answers of three runs: the pack is the record, and what the page says of it is true."""

import json
import re

import pytest

from trbook.explorables import Storyteller, Wall, wall_runs
from trbook.explorables.files import BUILT
from trbook.explorables.modules import preloads
from trlab.record import read
from trlab.texts import Written, texts_of

FILE = json.loads((BUILT / "wall.data.json").read_text(encoding="utf-8"))


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


def test_a_sign_stands_for_nothing_else():
    one = Written("1 + 2 + 3:", " 1 + 2 = 3, 3 + 3 = 6. Answer 6", 1.0)
    other = one._replace(text=" 1 + 2 = 3, 3 + 3 = 16. Answer 6")
    assert wall_runs.shortened([one, one, other]) == ["{3}6~", "=", "{3}16. Answer 6"]


def test_it_is_small_and_comes_behind_what_is_painted_first():
    assert sum((BUILT / f"wall.{end}").stat().st_size for end in ("js", "data.json")) < 70_000
    links = preloads(Wall().html() + Storyteller().html(), "x")
    files = re.findall(r'href="\./x/([\w.]+)"', links)
    assert files == ["common.js", "wall.js", "storyteller.js", "wall.data.json"], "at once"
    assert links.count('fetchpriority="low"') == 4, "and behind the styles"
    assert Wall().still() and "SmolLM2" in str(Wall().still())
