"""The playground outside the browser: what it refuses, what a page carries and links, and what a
link needs."""

import base64
import hashlib
import json
import re
from html import escape, unescape

import pytest

from book.build.cards import CARDS
from book.build.paths import ROOT
from tests.by_day import by_day
from trbook.explorables import Playground
from trbook.explorables.modules import link_modules, preloads
from trbook.explorables.parts import CHECKPOINTS, parts
from trbook.explorables.playground import BESIDE, FIRST, OWN, PAGES, SEEDS, presets
from trbook.explorables.publish import publish
from trlib.methods import OBJECTIVES


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
    publish(tmp_path)
    assert {path.stem for path in (tmp_path / "playground").glob("*.js")} == {
        "engine",
        *CHECKPOINTS,
    }
    script = (tmp_path / "playground" / "dial.js").read_text(encoding="utf-8")
    assert (
        json.loads(re.fullmatch(r'\(self\.trlibParts \?\?= \{\}\)\["dial"\] = (.*);\n', script)[1])
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
        shown = bool(kept) and escape(preset["text"], quote=False) in still
        assert shown == (name in (*PAGES, "reuse")), name


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
    messages = [
        span
        for preset in presets().values()
        if "question" in preset
        for span in re.findall(r"(0\.\d+) to (0\.\d+)", preset["question"]["why"])
    ]
    assert len(messages) > 15 and [span for span in messages if span not in spans] == []
    first = json.loads(FIRST.read_text(encoding="utf-8"))
    assert set(first) == {next(iter(presets())), "own", *PAGES}
    for name, run in first.items():
        assert (run["preset"], run["seed"]) == (name, 0)
        assert {len(lane["rows"]) for lane in run["lanes"]} == {presets()[name]["batches"]}, "whole"
        thirds = [lane["third"][0] for lane in record[name]]
        assert [lane["rows"][2]["reward"] for lane in run["lanes"]] == thirds, (
            "seed 0 of the record"
        )


def test_python_names_the_same_settings_beside_a_threshold(sources):
    found = sources(
        "playground/lanes.js",
        "m => m.METHOD_NAMES.map(name => [name, Object.keys(m.moreOf(name))])",
    )
    beside = {name: tuple(settings) for name, settings in found if settings}
    assert beside == {**BESIDE, "own": OWN[2:]}


SETTLED = """(m, addresses) => addresses.map((mark) => {
    const values = Object.fromEntries(new URLSearchParams(mark));
    const { state, notes } = m.settle(m.fromAddress(values, m.settle({}).state));
    return [Object.values(state.lanes).map(({ method }) => method), notes]; })"""


WITHIN = re.compile(r'<a href="#playground:([^"]+)">')


def test_the_addresses_of_cards_pages_and_presets_are_possible(sources):
    link = re.compile(r"playground\.md\)<!--#playground:([^>\s]+)-->")
    asked = {
        link.search(one.text)[1]: {name} for name, one in CARDS.items() if link.search(one.text)
    }
    for page in ("own", "playground"):
        for mark in WITHIN.findall((ROOT / f"book/{page}.md").read_text(encoding="utf-8")):
            asked[unescape(mark)] = set()
    for name, preset in presets().items():
        asked[f"preset={name}"] = {lane["method"] for lane in preset["lanes"]}
    found = sources("playground/state.js", SETTLED, [*asked])
    for (address, wanted), (methods, notes) in zip(asked.items(), found, strict=True):
        assert notes == [] and wanted <= {*methods} and len(methods) <= 4, address


LINES = """
const m = await load("playground/lanes.js"), { python } = await load("playground/code.js");
return m.METHOD_NAMES.filter(method => method !== "own").map(method => {
    const one = { method, checkpoint: given.checkpoint, group: 2, epochs: 2, lr: 1e-4 };
    const threshold = m.kindOf(one).threshold?.rungs.at(-2);
    const { lane, notes } = m.possibleLane(threshold ? { ...one, threshold } : one, "a");
    return [method, notes, python(lane, { seed: 1, batches: 1 })];
});
"""


@pytest.mark.parametrize(
    ("checkpoint", "step"),
    by_day(
        [("dial", 1), ("spend", 5)],
        ("spend", 5),
        later=[("dial", 1)],
        reason="a run of every method; of every fifth in `make test`",
    ),
)
def test_the_lines_of_python_run_for_every_method(ask, capsys, checkpoint, step):
    for method, notes, text in ask(LINES, checkpoint=checkpoint)[::step]:
        assert notes == [] and len(text.splitlines()) <= 11
        few = text.replace("prompts=16", "prompts=2, progress=False")
        exec(compile(few, method, "exec"), {})
        assert "reward" in capsys.readouterr().out, method


PENALTY = """
const m = await load("playground/lanes.js"), { python } = await load("playground/code.js");
const { lane, notes } = m.possibleLane(m.unpackLane("pg_is,checkpoint:tales,group:2,beta:0.1"), "a");
return [notes, m.engineSettings(lane, 1), m.packLane(lane), python(lane, { seed: 1, batches: 1 })];
"""


def test_the_penalty_of_a_lane_is_a_reference_in_python(ask, capsys):
    notes, engine, address, text = ask(PENALTY)
    assert notes == [] and (engine["beta"], engine["thresholds"]) == (0.1, {})
    assert address == "pg_is,checkpoint:tales,group:2,beta:0.1"
    assert "PGIS(reference=trlib.algorithms.Reference(beta=0.1))" in text
    exec(compile(text.replace("prompts=16", "prompts=2, progress=False"), "tales", "exec"), {})
    assert "reward" in capsys.readouterr().out
