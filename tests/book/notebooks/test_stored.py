"""Every notebook is stored with its results: those of the code as it is, small, still, and closed
where a reader has not asked; and a page shows what is stored."""

import base64
import copy
import json
import re
import types

import nbformat
import pytest

from book.build import execute, lab, refresh
from book.build.ext.stored import KEY, complaints, fingerprints, fold_imports, live, unpacked
from book.build.paths import NOTEBOOKS, chapters
from book.build.refresh import NOTE, Picture, cleaned
from trbook.explorables.files import PAGE

LINE = chapters()
REFRESH = "run `make refresh`"
PNG = b"\x89PNG a picture"
FOLDED = {"install", "hide-input", "hide-cell", "remove-input"}


MOST, IN_ALL = 450_000, 8_000_000
"""Bytes of a notebook, and of all of them."""


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    for number, cell in enumerate(notebook["cells"], 1):
        for output in cell.get("outputs", ()):
            yield f"cell {number} ({cell['id']})", cell, output


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_the_results_are_those_of_the_code(path):
    messages = [f"notebooks/{path.name}: {one}" for one in complaints(read(path))]
    assert not messages, "\n".join([*messages, REFRESH])


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_a_notebook_shows_everything_without_a_script_and_nothing_by_chance(path):
    assert path.stat().st_size <= MOST
    notebook = read(path)
    assert "widgets" not in notebook["metadata"]
    for where, _, output in outputs(notebook):
        assert output["output_type"] != "error" and output.get("name") != "stderr", where
        kinds = {*output.get("data", {})}
        assert kinds <= {"text/html", "text/plain", "text/markdown", "image/png", PAGE}, where
        shown = {kind: data for kind, data in output.get("data", {}).items() if kind != PAGE}
        text = json.dumps([output.get("text"), shown])
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
            assert len(shown["alt"]) > 40 and data["text/plain"] == shown["alt"], where
            assert 100 < shown["width"] <= refresh.WIDTH and shown["height"] > 30, where
        for img in re.findall(r"<img [^>]*>", data.get("text/html", "")):
            assert re.search(r'alt="[^"]{40,}"', img) and "data:image/png;base64" in img, where


def test_all_notebooks_together_stay_small():
    assert sum(path.stat().st_size for path in NOTEBOOKS.glob("*.ipynb")) <= IN_ALL


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.stem)
def test_the_first_code_that_a_page_shows_is_not_how_notebooks_are_tested(path):
    notebook = read(path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    own = next(cell for cell in cells if not FOLDED & {*cell["metadata"].get("tags", [])})
    fold_imports(notebook)
    assert "hide-input" in own["metadata"].get("tags", []), own["source"]


def sample():
    """A notebook of four cells, stored with results."""
    cells = [nbformat.v4.new_markdown_cell("# A", id="title")]
    for name in ("one", "two", "three"):
        cell = nbformat.v4.new_code_cell(f"print('{name}')", id=name)
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{name}\n")]
        cells.append(cell)
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook["metadata"][KEY] = fingerprints(notebook)
    return notebook


def test_prose_makes_nothing_stale_and_code_names_its_cell():
    notebook = sample()
    notebook["cells"][0]["source"] = ["# Another title"]
    notebook["cells"][1] |= {"source": "print('one')", "metadata": {"tags": ["hide-cell"]}}
    assert list(complaints(notebook)) == []
    notebook["cells"][2]["source"] = "print('zwei')"
    assert list(complaints(notebook)) == [
        "cell 3 (two): its code is not that of the results that were stored"
    ]


def test_what_jupyter_changed_is_named():
    half = sample()
    half["cells"][3]["outputs"] = []
    message = "cell 4 (three): its outputs are not the results that were stored"
    assert list(complaints(half)) == [message]
    message = "its code cells are not those whose results were stored: "
    moved = sample()
    moved["cells"][1:3] = reversed(moved["cells"][1:3])
    assert list(complaints(moved)) == [message + "another order"]
    fewer = sample()
    del fewer["cells"][2]
    assert list(complaints(fewer)) == [message + "two"]
    more = sample()
    more["cells"].append({**copy.deepcopy(more["cells"][1]), "id": "four"})
    assert list(complaints(more)) == [message + "four"]
    del more["metadata"][KEY]
    assert list(complaints(more)) == ["is stored without results"]


def test_whoever_stamps_a_copy_makes_nothing_stale():
    notebook = sample()
    install = {**copy.deepcopy(notebook["cells"][1]), "id": "install", "outputs": []}
    install["metadata"] = {"tags": ["install", "remove-cell"]}
    notebook["cells"].insert(1, install)
    assert list(complaints(notebook)) == []


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


def test_a_figure_becomes_a_picture_that_is_told_and_a_page_draws_it():
    found = cleaned(shown(DRAWING), draw)
    held = found["data"].pop(PAGE)
    assert found["data"] == {"image/png": ENCODED, "text/plain": "A line < another"}
    assert found["metadata"] == {
        "image/png": {"alt": "A line < another", "width": 650, "height": 300}
    }
    assert unpacked(held) == DRAWING and unpacked(json.loads(json.dumps(held))) == DRAWING


def test_a_figure_in_a_fold_stays_in_it():
    fold = f'<details class="trlib-answer"><summary>S</summary>{DRAWING}<p>so</p></details>'
    found = cleaned(shown(fold), draw)
    assert found["data"]["text/html"] == (
        '<details class="trlib-answer"><summary>S</summary><img alt="A line &lt; another" '
        f'width="650" src="data:image/png;base64,{ENCODED}"><p>so</p></details>'
    )
    assert unpacked(found["data"][PAGE]) == fold


def test_an_explorable_leaves_its_still_and_lives_again_on_a_page():
    from trbook.explorables import RatioMap

    ratio = RatioMap(eps_high=0.28)
    data, _ = ratio._repr_mimebundle_()
    drawn = []
    see = lambda page: drawn.append(page) or draw(page)  # noqa: E731
    found = cleaned({"output_type": "display_data", "data": data, "metadata": {}}, see)
    assert drawn == [NOTE + ratio.html()], "a picture says that it is one, before all else"
    held = {"explorable": "ratio_map", "settings": ratio.settings()}
    assert found["data"] == {
        "image/png": ENCODED,
        "text/plain": RatioMap.fallback,
        PAGE: held,
    }
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [found]}
    live({"cells": [cell]})
    assert found["data"] == {"text/html": ratio.html()}


def manager(folder):
    """As much of Jupyter's as is asked."""
    return types.SimpleNamespace(root_dir=str(folder))


def test_in_jupyterlab_the_book_s_cells_are_saved_as_they_are_stored_and_others_as_they_are(
    tmp_path,
):
    def run(token):
        """What the cells show: by chance another id, other seconds."""
        table = f'<style>#T_{token}{{}}</style><table id="T_{token}"><td>1</td></table>'
        time = nbformat.v4.new_output("stream", text=f"Run(PPO: reward 1 in {token}.0 s)\n")
        return [time, shown(table), shown(DRAWING), shown(f"<details>{DRAWING}</details>")]

    notebook = sample()
    one, *_ = notebook["cells"][1:]
    one["outputs"] = [cleaned(output, draw) for output in run(1)]
    notebook["metadata"][KEY] = fingerprints(notebook)
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    now = copy.deepcopy(notebook)
    now["cells"][1] |= {"outputs": run(2), "metadata": {"scrolled": True}}
    now["cells"][2] |= {"outputs": run(2), "source": "print('my own')"}
    failed = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    now["cells"][3]["outputs"] = [shown(DRAWING.replace("line", "curve")), failed]
    wanted = copy.deepcopy(now)
    wanted["cells"][1] = one
    begun = copy.deepcopy(now)  # Jupyter saves by itself, too
    begun["cells"][1]["outputs"] = []
    for content in (begun, now):
        lab.saved("a.ipynb", {"type": "notebook", "content": content}, manager(tmp_path))
        (tmp_path / "a.ipynb").write_text(json.dumps(content))
    assert now == wanted


def test_what_runs_is_executed_in_an_empty_folder_and_a_failure_names_its_cell(tmp_path):
    book = nbformat.v4.new_notebook()
    say = "import os\nprint(os.environ['TRLIB_PROFILE'], os.listdir())"
    book.cells = [nbformat.v4.new_markdown_cell("# A"), nbformat.v4.new_code_cell(say)]
    path = tmp_path / "a.ipynb"
    nbformat.write(book, path)
    done = execute.execute(path, profile="smoke")
    assert done["cells"][1]["outputs"][0]["text"] == "smoke []\n"
    assert done["metadata"][execute.KEY]["text"] == execute.text_of(done)
    assert done["metadata"][execute.KEY]["versions"]["torch"]
    assert nbformat.writes(refresh.stored(done, draw))
    for code, message in (
        ("{}['missing']", "KeyError: 'missing'"),
        ("import os\nos._exit(1)", "Kernel died"),
    ):
        book.cells[1] = nbformat.v4.new_code_cell(code)
        nbformat.write(book, path)
        with pytest.raises(execute.NotebookFailed, match=rf"(?s)^a\.ipynb: .*{message}"):
            execute.execute(path, profile="smoke")


def test_what_writes_to_stderr_is_not_stored():
    notebook = sample()
    notebook["cells"][1] |= {"execution_count": 1}
    notebook["cells"][1]["outputs"] = [nbformat.v4.new_output("stream", name="stderr", text="Oh")]
    with pytest.raises(ValueError, match=r"^cell 2 \(one\) writes to stderr: Oh"):
        refresh.stored(notebook, draw)


def test_tables_and_text_lose_what_is_drawn_at_random():
    table = '<style>#T_1f{}</style><table id="T_1f"><td id="T_1f_row0">1</td></table>'
    found = cleaned(shown(table, "<Styler at 0x7f00deadbeef>"), draw)
    assert found["data"] == {
        "text/html": "<table><td>1</td></table>",
        "text/plain": "<Styler>",
    }
    run = {"output_type": "stream", "name": "stdout", "text": "Run(PPO: reward 1 in 3.0 s)\n"}
    assert cleaned(run, draw) == {**run, "text": "Run(PPO: reward 1)\n"}


def test_a_notebook_that_does_not_exist_is_named(capsys):
    assert refresh.main(["04_pppo"]) == 2
    assert "04_ppo" in capsys.readouterr().err
