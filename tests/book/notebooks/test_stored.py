"""Every notebook is stored with its results: those of the code as it is, small, still, and closed
where a reader has not asked; and a page shows what is stored."""

import base64
import json
import re

import nbformat
import pytest

from book.build import refresh
from book.build.ext.stored import code_cells, complaints, live, unpacked
from book.build.paths import chapters
from book.build.refresh import NOTE, Picture, cleaned
from trbook.explorables.files import PAGE

LINE = chapters()
REFRESH = "run `make refresh`"
PNG = b"\x89PNG a picture"
MOST = 450_000
"""Bytes of a notebook."""


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


def test_code_that_has_changed_since_its_results_were_stored_is_named():
    notebook = read(LINE[0])
    cell = next(cell for cell in code_cells(notebook).values() if cell["outputs"])
    notebook["cells"][0]["source"] = "# Another title"
    assert list(complaints(notebook)) == []
    cell["source"] += "  # changed"
    (message,) = complaints(notebook)
    assert cell["id"] in message


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
