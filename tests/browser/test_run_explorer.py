"""The run explorer in Chromium: its numbers are the records', its choice stands in the address, any
hand can use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.explorable import (
    MODEL,
    Visit,
    page_of,
    visits,
)
from trbook.explorables import RunExplorer, runs
from trlab import recorded
from trlab.statistics import interval

KEYS = ["sweep", "at", "methods", "measure", "cell", "batch"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[tuple[str, Path]]:
    """A page that carries everything, opened at a first-round sweep."""
    folder = tmp_path_factory.mktemp("site")
    html = page_of("Runs", RunExplorer(sweep="shootout").html(), "780px")
    (folder / "shootout.html").write_text(html, encoding="utf-8")
    with serving(folder) as address:
        yield address, folder


class Explorer(Visit):
    drawn = ".trx:not(.still) .line[d]"

    def __init__(self, *place: Any, **context: Any) -> None:
        super().__init__(*place, **{"viewport": {"width": 830, "height": 900}, **context})

    def chosen(self) -> dict[str, Any]:
        return self.state(KEYS)

    def cell(self, method: str, label: str) -> Any:
        return self.page.get_by_role(
            "button", name=re.compile(rf"^{re.escape(method)}, [^,]* {re.escape(label)}: ")
        )

    def unfold(self) -> None:
        """Shows the rows of the methods that are not drawn."""
        self.page.get_by_role("button", name=re.compile("more methods?$")).click()

    def predict(self, method: str) -> None:
        answers = self.page.locator(".trx .ask .answers button")
        answers.filter(has_text=re.compile(f"^{method}$")).evaluate("node => node.click()")
        self.settle()

    def addressed(self, part: str) -> str:
        self.page.wait_for_function("part => location.hash.includes(part)", arg=part)
        return self.page.evaluate("location.href")


@pytest.fixture
def visit(chromium: Any, site: tuple[str, Path]) -> Iterator[Any]:
    with visits(chromium, site[0], Explorer, first="shootout") as visit:
        yield visit


def of_record(method: str, updates: str, column: str = "sampled") -> Any:
    table, _ = recorded("shootout")
    return table[(table["label"] == method) & (table["updates"].astype(str) == updates)][
        column
    ].to_numpy(float)


def test_arithmetic_agrees_with_python(sources: Any) -> None:
    rows = [
        [0, 5, -3, None, 700, 701, -1, None, 31, 32, -32, 64, 700, 0],
        [None, 3],
        [-250, -260, 0],
    ]
    packed = next(s for s in json.loads(RunExplorer()._data)["sweeps"] if s["name"] == "shootout")
    got = sources(
        "run_explorer/pack.js",
        """(m, [rows, format, sweep, data]) => {
        const pack = m.open(data), arm = pack.armOf(sweep, "ppo", { updates: "8" });
        return { rows: rows.map(row => m.decode(row, format)), shares: m.values([0, 5, null, -2], "reward", format),
                 nats: m.values([-100, 0, null], "kl", format), curve: pack.curveOf(arm, "kl"),
                 reach: m.reach(pack, sweep, "length"), none: m.columnsAxis({ axes: {} }),
                 axis: m.columnsAxis({ axes: { a: ["1", "2"], b: ["1"], c: ["x", "y"] } }) };
    }""",
        [[runs.encode(row) for row in rows], runs.format_of_packs(), packed, RunExplorer()._data],
    )
    assert got["rows"] == rows
    assert got["shares"] == pytest.approx([0, 0.02, None, -0.008]) and got["nats"] == pytest.approx(
        [0.01, 1, None]
    )
    assert (got["axis"], got["none"]) == ("c", None)
    near = sources(
        "parts/address.js",
        "(m, [words, known]) => words.map(word => m.nearestName(word, known))",
        [["trol", "PPO", "mismach", "tis"], ["ppo", "troll", "mismatch", "ppo+tis"]],
    )
    assert near == ["troll", "ppo", "mismatch", "ppo+tis"]
    _, history = recorded("shootout")
    own = history[(history["label"] == "ppo") & (history["updates"].astype(str) == "8")]
    for batch in (0, 17, 39):
        estimate = interval(own[own["batch"] == batch]["kl"].to_numpy())
        found = [got["curve"][side][batch] for side in ("mean", "low", "high")]
        wanted = [estimate.value, estimate.low, estimate.high]
        assert found == pytest.approx(wanted, rel=0.024), "half a step of .02 decades"
    least, most = got["reach"]
    assert history["length"].min() - 0.1 <= least < most <= history["length"].max() + 0.1


def test_every_cell_is_its_record(visit: Any) -> None:
    one = visit()
    one.unfold()
    for method in ("pg_is", "ppo", "troll", "cispo"):
        shown = {"pg_is": "unclipped"}.get(method, method)
        for updates in ("1", "8", "32"):
            estimate = interval(of_record(method, updates))
            name = one.cell(shown, updates).get_attribute("aria-label")
            assert (
                f"{estimate:.2f}" in name
                and one.cell(shown, updates).inner_text() == f"{estimate.value:.2f}"
            )
    assert "below where it began" in one.cell("cispo", "32").get_attribute("aria-label")
    assert one.page.locator(".trx .cell.fails").count() == 1, "and no other arm has forgotten"


def test_a_click_and_enter_show_a_cell_s_curves(visit: Any) -> None:
    one = visit()
    assert not one.cell("gspo", "8").is_visible(), "what is not drawn is folded"
    one.unfold()
    one.cell("gspo", "8").click()
    one.settle()
    state = one.chosen()
    assert (state["at"], state["cell"]) == ({"updates": "8"}, "gspo") and "gspo" in state["methods"]
    assert one.cell("gspo", "8").get_attribute("aria-pressed") == "true"
    bold = one.page.locator(".trx .line:not([opacity])")
    assert bold.count() == 1 and one.page.locator(".trx .band").count() == 1, "the others step back"
    one.page.evaluate("addEventListener('keydown', () => { window.leaked = true; })")
    one.cell("gspo", "8").focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Enter"):
        one.page.keyboard.press(key)
    one.settle()
    assert (one.chosen()["at"], one.chosen()["cell"]) == ({"updates": "32"}, "clip-higher")
    one.page.keyboard.press("Enter")
    one.settle()
    assert one.chosen()["cell"] == "", "once more takes the choice back"
    assert not one.page.evaluate("Boolean(window.leaked)"), "JupyterLab would take the keys"
    stops = one.page.locator(".trx .cell").evaluate_all(
        "all => all.filter(node => node.tabIndex === 0).length"
    )
    assert stops == 1, "the table is one stop of the Tab key"


def test_values_at_a_batch_are_read_by_slider_key_and_pointer(visit: Any) -> None:
    one = visit()
    slider = one.page.get_by_role("slider", name="batch")
    slider.focus()
    one.page.keyboard.press("Home")
    one.settle()
    assert one.chosen()["batch"] == 0 and slider.get_attribute("aria-valuetext") == "batch 0 of 39"
    _, history = recorded("shootout")
    own = history[(history["label"] == "ppo") & (history["updates"].astype(str) == "32")]

    def read() -> list[float]:
        text = (
            one.page.locator(".trx tbody tr", has_text=re.compile(r"^ppo"))
            .locator(".now")
            .inner_text()
        )
        return [float(number) for number in re.findall(r"[\d.]+", text)]

    for key, batch in ((None, 0), ("ArrowRight", 1)):
        if key:
            one.page.keyboard.press(key)
            one.settle()
        estimate = interval(own[own["batch"] == batch]["reward"].to_numpy())
        assert read() == pytest.approx([estimate.value, estimate.low, estimate.high], abs=0.0071), (
            "step and digits"
        )
    box = one.page.locator(".trx .plane").first.bounding_box()
    one.page.mouse.click(box["x"] + 46 + (box["width"] - 60) * 20 / 39, box["y"] + 100)
    one.settle()
    assert one.chosen()["batch"] == 20


def test_the_address_says_what_is_chosen_and_a_link_reproduces_it(visit: Any) -> None:
    one = visit()
    one.page.get_by_label("sweep").select_option("mismatch")
    one.page.get_by_label("anchor").select_option("recomputed")
    one.page.get_by_label("curve of").select_option("entropy")
    one.unfold()
    one.page.get_by_role("checkbox", name="Draw ppo+tis").click()
    one.cell("ppo+tis", "int4").click()
    one.settle()
    address = one.addressed("cell=ppo")
    other = visit(mark=address[address.index("#") :])
    other.settle()
    assert other.chosen() == one.chosen()
    state = other.chosen()
    assert (state["sweep"], state["at"], state["measure"], state["cell"]) == (
        "mismatch",
        {"sampler": "int4", "anchor": "recomputed"},
        "entropy",
        "ppo+tis",
    )
    assert other.page.locator(".trx").bounding_box()["y"] < 300, "a link goes to the figure"
    other.page.evaluate("location.hash = '#runs:sweep=stale&methods=ppo&methods=troll'")
    other.page.wait_for_function(f"{MODEL}.get('sweep') === 'stale'")
    assert other.chosen()["methods"] == ["ppo", "troll"]


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_what_an_address_gets_wrong_is_told_and_the_nearest_is_taken(visit: Any) -> None:
    one = visit(
        mark="#runs:sweep=mismach&at.sampler=int&at.lr=1&methods=trol&measure=kll&cell=tis&batch=99&colour=red"
    )
    state = one.chosen()
    assert (
        state["sweep"],
        state["at"]["sampler"],
        state["measure"],
        state["cell"],
        state["batch"],
    ) == (
        "mismatch",
        "int4",
        "kl",
        "ppo+tis",
        -1,
    )
    assert state["methods"] == ["troll", "ppo+tis"]
    notes = one.text(".trx .notes")
    for told in (
        'there is no "mismach" here; "mismatch" is shown',
        'no "int" here; "int4"',
        'no "trol" here; "troll"',
        'varies sampler and anchor, no "lr"',
        'no "kll" here',
        'expected 0 to 29, got "99"',
        'says "colour"',
    ):
        assert told in notes, told
    one.page.get_by_role("button", name="draw all").click()
    one.settle()
    assert not one.page.locator(".trx .notes").is_visible(), (
        "notes go when something is chosen by hand"
    )
    assert visit(mark="#runs:%E0%A4%A").chosen()["sweep"] == "shootout", (
        "an address that names no sweep"
    )


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_accuracy_against_nats_is_drawn_when_it_is_unfolded(visit: Any) -> None:
    one = visit()
    assert one.page.locator(".trx .cost .mark").count() == 0
    one.page.locator(".trx .cost summary").click()
    one.page.locator(".trx .cost .mark").first.wait_for(state="attached")
    assert one.page.locator(".trx .cost .mark").count() == 12, "one for each method"


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_presets_show_what_they_speak_of(visit: Any) -> None:
    one = visit()
    for preset in json.loads(RunExplorer()._data)["presets"]:
        button = one.page.get_by_role("button", name=preset["name"])
        button.click()
        one.settle()
        assert {key: one.chosen()[key] for key in preset["state"]} == preset["state"]
        assert (
            one.text(".trx .hint") == preset["text"]
            and button.get_attribute("aria-pressed") == "true"
        )


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_a_prediction_is_asked_before_it_is_shown(visit: Any) -> None:
    one = visit()
    first = one.chosen()
    around = (
        recorded("mismatch")[0]
        .query("sampler == 'int4' and anchor == 'rollout'")
        .set_index("label")["sampled"]
    )
    ends = {m: interval(around[m].to_numpy()) for m in ("pg_is", "ppo", "dppo-tv", "troll")}
    assert not one.page.locator(".trx .revealed").is_visible()
    one.predict("troll")
    said = one.text(".trx .revealed")
    assert said.startswith("✕ Not so: unclipped ends highest") and all(
        f"{m.replace('pg_is', 'unclipped')} {ends[m]:.2f}" in said for m in ends
    )
    assert one.chosen()["sweep"] == "mismatch" and "troll fails here" in one.text(".trx .verdict")
    one.predict("unclipped")
    assert one.text(".trx .revealed").startswith("✓ Right")
    one.page.get_by_role("button", name="reset").click()
    one.settle()
    assert one.chosen() == first and not one.page.locator(".trx .revealed").is_visible()


def test_a_phone_shows_everything_in_its_width_and_a_finger_chooses(visit: Any) -> None:
    one = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    for sweep in ("shootout", "tuning", "mismatch", "trapo", "dial_methods"):
        one.set(sweep=sweep)
        assert one.page.evaluate("document.documentElement.scrollWidth") == 360, sweep
        assert one.cut(360, but=", .map, .try") == [], sweep
    one.set(sweep="reuse", at={}, methods=[], cell="")
    map_ = one.page.locator(".trx .map")
    assert map_.evaluate("node => node.scrollWidth - node.clientWidth") <= 0, (
        "five points fit a phone"
    )
    one.set(sweep="shootout")
    one.cell("troll", "8").tap()
    one.settle()
    assert (one.chosen()["cell"], one.chosen()["at"]) == ("troll", {"updates": "8"})
    small = one.page.locator(".trx svg text").evaluate_all(
        "all => all.map(node => parseFloat(getComputedStyle(node).fontSize))"
    )
    assert min(small) >= 9


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_a_page_from_the_file_system_carries_its_data(
    chromium: Any, site: tuple[str, Path]
) -> None:
    with visits(chromium, site[1].as_uri(), Explorer) as open_file:
        one = open_file("shootout")
        one.cell("ppo", "8").click()
        assert one.addressed("cell=ppo").startswith("file:")
        assert all(url.startswith(("file:", "blob:", "data:")) for url in one.requests)


@pytest.mark.nightly("seconds of a browser; what is chosen and shown is tried every time")
def test_paper_shows_curves_and_table_without_controls(visit: Any) -> None:
    one = visit()
    one.page.locator(".trx .cost summary").click()
    one.page.emulate_media(media="print")
    one.settle()
    shown = one.page.evaluate("""() => {
        const root = [...document.querySelectorAll(".trlib-view > div")].find(d => d.shadowRoot).shadowRoot;
        return [".batch", ".marks button", ".ask", ".plane svg", ".cell"].map(selector =>
            [...root.querySelectorAll(selector)].filter(node => node.getBoundingClientRect().height).length);
    }""")
    assert shown == [0, 0, 0, 2, 36]
