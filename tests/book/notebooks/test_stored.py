"""The main line is stored with its results: those of the code as it is, small, still, and closed
where a reader has not asked."""

import base64
import copy
import json
import re

import nbformat
import pytest

from book.build import stored
from book.build.execute import _digest_of_code
from book.build.ext.stored import EXPLORABLE, KEY, complaints, fingerprints, live
from book.build.paths import NOTEBOOKS
from book.build.stored import Picture, cleaned, main_line

LINE = main_line()
REFRESH = "run `python -m book.build.stored`"
PNG = b"\x89PNG a picture"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def outputs(notebook):
    for number, cell in enumerate(notebook["cells"], 1):
        for output in cell.get("outputs", ()):
            yield f"cell {number} ({cell['id']})", cell, output


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_the_results_are_those_of_the_code(path):
    said = [f"notebooks/{path.name}: {one}" for one in complaints(read(path))]
    assert not said, "\n".join([*said, REFRESH])


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_a_figure_with_a_name_is_all_that_its_cell_shows(path):
    # Each of a cell's results would bear the caption and the name, and a strict build ends.
    for number, cell in enumerate(read(path)["cells"], 1):
        if "name" in cell["metadata"].get("mystnb", {}).get("figure", {}):
            shown = [one for one in cell["outputs"] if one["output_type"] != "stream"]
            assert len(shown) == 1, f"cell {number} ({cell['id']})"


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_a_notebook_shows_everything_without_a_script_and_nothing_by_chance(path):
    assert path.stat().st_size <= stored.MOST
    notebook = read(path)
    assert "widgets" not in notebook["metadata"]
    for where, _, output in outputs(notebook):
        assert output["output_type"] != "error" and output.get("name") != "stderr", where
        kinds = {*output.get("data", {})}
        assert kinds <= {"text/html", "text/plain", "text/markdown", "image/png"}, where
        text = json.dumps([output.get("text"), output.get("data")])
        found = re.search(
            r"<(script|style|svg|iframe)\b| at 0x[0-9a-f]{6}|\bin [\d.]+ s\)|>seconds<", text
        )
        assert found is None, f"{where}: {found and found[0]}"


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_a_picture_says_what_it_shows(path):
    for where, _, output in outputs(read(path)):
        data = output.get("data", {})
        if "image/png" in data:
            shown = output["metadata"]["image/png"]
            assert len(shown["alt"]) > 40 and "".join(data["text/plain"]) == shown["alt"], where
            assert 100 < shown["width"] <= stored.WIDTH and shown["height"] > 30, where
        for img in re.findall(r"<img [^>]*>", "".join(data.get("text/html", ""))):
            assert re.search(r'alt="[^"]{40,}"', img) and "data:image/png;base64" in img, where


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_a_verdict_on_a_solution_lies_in_its_fold(path):
    for where, cell, output in outputs(read(path)):
        if "solution" in cell["metadata"].get("tags", ()):
            shown = "".join(output.get("data", {}).get("text/html", ""))
            verdict = shown.find("trlib-verdict")
            assert verdict < 0 or 0 <= shown.find("<details") < verdict, where
            assert shown.count("<details") == shown.count("</details>"), where


def test_all_notebooks_together_stay_small():
    assert sum(path.stat().st_size for path in NOTEBOOKS.glob("*.ipynb")) <= stored.IN_ALL


def sample():
    """A notebook of four cells, stored with results."""
    cells = [nbformat.v4.new_markdown_cell("# A", id="title")]
    for name in ("one", "two", "three"):
        cell = nbformat.v4.new_code_cell(f"print('{name}')", id=name)
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{name}\n")]
        cells.append(cell)
    notebook = json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    notebook["metadata"][KEY] = fingerprints(notebook)
    return notebook


def test_prose_makes_nothing_stale_and_code_names_its_cell():
    notebook = sample()
    notebook["cells"][0]["source"] = ["# Another title"]
    notebook["cells"][1] |= {"source": "print('one')", "metadata": {"tags": ["hide-cell"]}}
    assert list(complaints(notebook)) == []
    notebook["cells"][2]["source"] = ["print('zwei')"]
    assert list(complaints(notebook)) == [
        "cell 3 (two): its code has changed since its results were stored"
    ]


def test_what_jupyter_changed_is_named():
    half = sample()
    half["cells"][3]["outputs"] = []
    said = "cell 4 (three): its outputs are not those that were stored"
    assert list(complaints(half)) == [said]
    moved = sample()
    moved["cells"][1:3] = reversed(moved["cells"][1:3])
    assert list(complaints(moved)) == [
        "its code cells stand in another order since its results were stored"
    ]
    fewer = sample()
    del fewer["cells"][2]
    assert list(complaints(fewer)) == ["a cell (two) is gone since its results were stored"]
    more = sample()
    more["cells"].append({**copy.deepcopy(more["cells"][1]), "id": "four"})
    assert list(complaints(more)) == ["cell 5 (four) is new since its results were stored"]
    del more["metadata"][KEY]
    assert list(complaints(more)) == ["is stored without results"]


def test_whoever_stamps_a_copy_makes_nothing_stale():
    notebook = sample()
    install = {**copy.deepcopy(notebook["cells"][1]), "id": "install", "outputs": []}
    install["metadata"] = {"tags": ["install", "remove-cell"]}
    notebook["cells"].insert(1, install)
    assert list(complaints(notebook)) == []


def test_an_execution_does_not_ask_for_what_is_stored():
    before, after = sample(), sample()
    for cell in after["cells"][1:]:
        cell |= {"outputs": [], "execution_count": None}
    del after["metadata"][KEY]
    assert _digest_of_code(before) == _digest_of_code(after)


def draw(fragment):
    return Picture(PNG, 650, 300)


def shown(html, plain="plain", **more):
    data = {"text/html": html, "text/plain": plain, **more}
    return {"output_type": "display_data", "data": data, "metadata": {}}


DRAWING = (
    '<div class="trlib-drawing"><style>a{}</style><div class="drawn-wide"><svg role="img" '
    'aria-label="A line &lt; another"></svg></div><div class="drawn-narrow"><svg></svg> </div></div>'
)
ENCODED = base64.b64encode(PNG).decode()


def test_a_figure_becomes_a_picture_that_is_told():
    found = cleaned(shown(DRAWING), draw)
    assert found is not None
    assert found["data"] == {"image/png": ENCODED, "text/plain": ["A line < another"]}
    assert found["metadata"] == {
        "image/png": {"alt": "A line < another", "width": 650, "height": 300}
    }


def test_a_figure_in_a_fold_stays_in_it():
    fold = f'<details class="trlib-answer"><summary>S</summary>{DRAWING}<p>so</p></details>'
    found = cleaned(shown(fold), draw)
    assert found is not None
    assert "".join(found["data"]["text/html"]) == (
        '<details class="trlib-answer"><summary>S</summary><img alt="A line &lt; another" '
        f'width="650" src="data:image/png;base64,{ENCODED}"><p>so</p></details>'
    )


def test_an_explorable_leaves_its_still_and_lives_again_on_a_page():
    from trbook.explorables import RatioMap

    ratio = RatioMap(eps_high=0.28)
    widget = {"application/vnd.jupyter.widget-view+json": "{}"}
    found = cleaned(shown(ratio.html(), "RatioMap: what it shows", **widget), draw)
    assert found is not None
    assert found["data"] == {"image/png": ENCODED, "text/plain": ["what it shows"]}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [found]}
    live({"cells": [cell]})
    assert found["data"] == {"text/html": ratio.html()}
    assert EXPLORABLE not in found["metadata"]


def test_a_stored_picture_says_on_a_page_what_it_shows():
    shown = {"output_type": "display_data", "data": {"image/png": ""}}
    shown["metadata"] = {"image/png": {"alt": "A line that falls"}}
    cell = {"cell_type": "code", "id": "a", "metadata": {"mystnb": {"figure": {}}}}
    live({"cells": [cell | {"outputs": [shown]}]})
    assert cell["metadata"]["mystnb"]["image"]["alt"] == "A line that falls"
    assert "figure" in cell["metadata"]["mystnb"]


def test_tables_and_text_lose_what_is_drawn_at_random():
    table = '<style>#T_1f{}</style><table id="T_1f"><td id="T_1f_row0">1</td></table>'
    found = cleaned(shown(table, "<Styler at 0x7f00deadbeef>"), draw)
    assert found is not None
    assert found["data"] == {
        "text/html": ["<table><td>1</td></table>"],
        "text/plain": ["<Styler>"],
    }
    rows = "".join(
        f"<tr><th>{name}</th><td>{first}</td><td>2</td></tr>"
        for name, first in (("seconds", "a"), ("x", 1))
    )
    found = cleaned(shown(f"<table>{rows}</table>"), draw)
    assert found is not None
    rows = "<tr><td>a</td><td>2</td></tr><tr><td>1</td><td>2</td></tr>"
    assert found["data"]["text/html"] == [f"<table>{rows}</table>"]
    run = {"output_type": "stream", "name": "stdout", "text": ["Run(PPO: reward 1 in 3.0 s)\n"]}
    assert cleaned(run, draw) == {**run, "text": ["Run(PPO: reward 1)\n"]}
    assert cleaned({**run, "name": "stderr"}, draw) is None


def test_a_chapter_that_does_not_exist_is_named(capsys):
    assert stored.main(["04_pppo"]) == 2
    assert "04_ppo" in capsys.readouterr().err
