"""The answers of three runs: the pack is the record, and what the page says of it is true."""

import json
import re
from itertools import product
from math import dist

import pytest

from book.build.paths import ROOT, source
from trbook.explorables import Storyteller, Wall, wall_runs
from trbook.explorables.files import BUILT
from trbook.explorables.modules import preloads
from trlab.drawing.looks import TABLE
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


def test_what_the_first_page_says_of_the_record():
    assert right(MANY).index(max(right(MANY))) == 5 and max(right(MANY)) == 40  # 62.5 %
    page = source("book/index").read_text(encoding="utf-8")
    assert "63 %" in page
    assert right(MANY)[15] == 0 and min(right(ONCE)[15], right(HELD)[15]) > 32
    assert right(ONCE)[15] > right(HELD)[15]
    assert MANY["end"][2] < 0.05 < min(ONCE["end"][1], HELD["end"][1])
    lost = [run["end"][1] < 0.05 for run in FILE["again"]]
    assert lost.count(True) == 6 and len(lost) == 7
    caption = (ROOT / "README.md").read_text(encoding="utf-8").split("Three copies of SmolLM2")[1]
    assert (
        "Which wall will be the greenest" in caption.split("|")[0]
        and "wrong" not in caption.split("|")[0]
    )
    whole = [run["end"] for run in FILE["again"] if None not in run["end"]]
    assert len(whole) == 4
    for once, *others in whole:
        assert once > max(others), "once ends highest in every run"


@pytest.mark.parametrize("theme", [0, 1])
def test_no_wall_has_the_hue_of_right_or_of_wrong(theme):
    hues = {name: both[theme] for name, both in TABLE["hues"].items()}
    # PPO's clip has one colour on all pages, and it lies near that of a wrong answer.
    looks = [TABLE["ideas"][idea][1] for idea in ("once", "reuse")]
    walls = [TABLE["looks"][look][0] for look in looks]
    for wall, meaning in product(walls, ("good", "bad")):
        assert apart(hues[wall], hues[meaning]) > 35, (wall, meaning)


def apart(*colours):
    """The distance of two colours in CIELAB (1976)."""

    def lab(colour):
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
        xyz = (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
        )
        x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
        return 116 * y - 16, 500 * (x - y), 200 * (y - z)

    return dist(*map(lab, colours))


def test_it_is_small_and_comes_behind_what_is_painted_first():
    assert sum((BUILT / f"wall.{end}").stat().st_size for end in ("js", "data.json")) < 70_000
    links = preloads(Wall().html() + Storyteller().html(), "x")
    files = re.findall(r'href="\./x/([\w.]+)"', links)
    assert files == ["common.js", "wall.js", "storyteller.js", "wall.data.json"], "at once"
    assert links.count('fetchpriority="low"') == 4, "and behind the styles"
    assert Wall().still() and "SmolLM2" in str(Wall().still())
