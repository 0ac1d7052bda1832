"""The playground outside the browser: what it refuses, what a page carries and links, and what a
link needs."""

import base64
import hashlib
import json
import re
from html import escape
from itertools import permutations

import pytest

from trbook.explorables import Playground
from trbook.explorables.modules import embed_modules, link_modules, preloads
from trbook.explorables.parts import CHECKPOINTS, parts
from trbook.explorables.playground import PAGES, SEEDS, presets
from trbook.explorables.publish import publish
from trlib.methods import OBJECTIVES


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"preset": "cliping"}, "Playground, preset: .*did you mean 'clipping'"),
        ({"view": "curve"}, "Playground, view"),
        ({"lanes": [{"methods": "ppo"}]}, "Playground, setting of a lane: .*did you mean 'method'"),
        (
            {"lanes": [{"method": "r2vpo", "dual_rl": 0}]},
            "Playground, setting of a lane: .*did you mean 'dual_lr'",
        ),
        ({"lanes": [{"method": "ppo", "dual_lr": 0}]}, "Playground, setting of a lane"),
        ({"lanes": [{}] * 5}, "lanes: expected at most 4, got 5"),
    ],
)
def test_the_unknown_is_refused_with_the_nearest(settings, told):
    with pytest.raises(ValueError, match=told):
        Playground(**settings)


def test_the_weights_that_a_page_gets_are_those_of_their_card():
    engine = json.loads(parts()["engine"])
    for name in CHECKPOINTS:
        data = base64.b64decode(parts()[name])
        assert hashlib.sha256(data).hexdigest() == engine["cards"][name]["sha256"]
    assert base64.b64decode(engine["wasm"])[:4] == b"\0asm" and "onmessage" in engine["worker"]


def test_a_page_links_its_parts_and_asks_for_nothing_in_advance(tmp_path):
    html = Playground(preset="opening").html()
    linked = link_modules(html, "../_static/explorables")
    assert len(linked) < 80_000 < len(html)
    assert (
        'class="trlib-parts" data-name="playground" data-src="../_static/explorables/playground"'
        in linked
    )
    assert preloads(linked, "x") == "", "it loads on a click"
    assert 'data-src="../_static/explorables/playground"' in embed_modules(linked), (
        "plain scripts load from a folder"
    )
    publish(tmp_path)
    assert {path.stem for path in (tmp_path / "playground").glob("*.js")} == {
        "engine",
        *CHECKPOINTS,
    }
    said = (tmp_path / "playground" / "dial.js").read_text(encoding="utf-8")
    assert (
        json.loads(re.fullmatch(r'\(self\.trlibParts \?\?= \{\}\)\["dial"\] = (.*);\n', said)[1])
        == parts()["dial"]
    )


def test_a_page_names_its_lanes_and_shows_the_figure_as_it_will_be():
    for name, preset in presets().items():
        html = Playground(preset=name).html()
        lanes = re.findall(
            r'data-lane="(\w)" data-method="(\w+)" data-batch="0" data-reward=""', html
        )
        assert [method for _, method in lanes] == [lane["method"] for lane in preset["lanes"]]
        assert all(lane["method"] in {*OBJECTIVES, "own"} for lane in preset["lanes"])
        still, kept, _ = html.partition("</template>")
        shown = bool(kept) and escape(preset["question"]["text"], quote=False) in still
        assert shown == (name in (*PAGES, "reuse")), name
    assert presets()["clipping"]["title"].startswith("clipping against divergence")


def test_every_range_in_an_answer_is_that_of_the_recorded_seeds():
    record = json.loads(SEEDS.read_text(encoding="utf-8"))
    assert set(record) == set(presets())
    spans = set()
    for name, preset in presets().items():
        assert len(record[name]) == len(preset["lanes"])
        assert all(len(values) == 8 for lane in record[name] for values in lane.values())
        for values in (
            *(values for lane in record[name] for values in lane.values()),
            [end for lane in record[name] for end in lane["reward"]],
        ):
            spans |= {(f"{min(values):.{k}f}", f"{max(values):.{k}f}") for k in (2, 3)}
    told = [
        span
        for preset in presets().values()
        for span in re.findall(r"(0\.\d+) to (0\.\d+)", preset["question"]["why"])
    ]
    assert len(told) > 15 and [span for span in told if span not in spans] == []


def test_the_right_answers_are_right_in_every_recorded_seed_or_say_that_lanes_overlap():
    record = json.loads(SEEDS.read_text(encoding="utf-8"))

    def apart(name, key, high, low):
        return min(record[name][high][key]) > max(record[name][low][key])

    assert (
        apart("reuse", "reward", 2, 0)
        and apart("reuse", "reward", 1, 0)
        and not apart("reuse", "reward", 2, 1)
    )
    assert "overlap" in presets()["reuse"]["question"]["why"]
    assert apart("wide", "reward", 0, 1) and apart("wide", "reward", 0, 2)
    assert not apart("clipping", "reward", 0, 1) and not apart("clipping", "reward", 1, 0)
    assert not any(apart("rare", "reward", *pair) for pair in permutations(range(3), 2))
    assert record["once"][0] == record["once"][1] | {"kl": record["once"][0]["kl"]}
    assert record["once"][0]["reward"] == record["once"][2]["reward"]
    assert apart("own", "kl", 0, 1) and apart("own", "third", 1, 0) and apart("own", "reward", 1, 0)
    assert (
        apart("dppo", "kl", 1, 0)
        and apart("troll", "kl", 1, 0)
        and apart("quickstart", "reward", 0, 1)
    )
    assert apart("shootout", "reward", 3, 2) and apart("shootout", "reward", 3, 0)
    for name, farther in (("bapo", 1), ("minpro", 1), ("cpgd", 0), ("r2vpo", 0), ("trefree", 1)):
        less, more = record[name][1 - farther]["kl"], record[name][farther]["kl"]
        assert all(a < b for a, b in zip(less, more, strict=True)), name
    assert all(b < a for a, b in zip(*(lane["reward"] for lane in record["bapo"]), strict=True))
    assert apart("minpro", "reward", 0, 1) and min(record["minpro"][1]["kl"]) > 0.5
    assert (
        apart("cpgd", "third", 0, 1)
        and apart("r2vpo", "reward", 1, 0)
        and apart("trefree", "reward", 0, 1)
    )
