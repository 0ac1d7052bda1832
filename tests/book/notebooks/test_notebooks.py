"""Every chapter runs to its end in the `smoke` profile, and every notebook is as it should be in
the repository."""

import ast
import json
import re

import pytest

from book.build.execute import KEY, execute
from book.build.paths import BUILD, NOTEBOOKS, ROOT, chapters
from book.build.stamp import install_cell
from book.build.stored import main_line
from tests.by_day import by_day

SMOKE = BUILD / "smoke" / "_build" / "executed"
NAMES = [path.stem for path in chapters()]
SHOWN = re.findall(r"^SHOWN := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
"""The chapters of the book that `make test` builds, which it runs here and not in `notebooks`."""
EXECUTED = by_day(NAMES, *SHOWN[0].split(), reason="executes every chapter")


@pytest.fixture(scope="session")
def executed(request):
    """The chapters that this run asks for, executed once, by name; the tests' book is built from
    the same copies."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asked = {test.callspec.params["name"] for test in tests if "executed" in test.fixturenames}
    wanted = [path for path in chapters() if path.stem in asked]
    results = execute(wanted, SMOKE, profile="smoke")
    return {path.stem: results.of(path) or {} for path in wanted}


def read(name):
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXECUTED)
def test_a_chapter_runs_to_its_end_without_a_complaint(name, executed):
    notebook = executed[name]
    assert notebook["metadata"][KEY]["profile"] == "smoke"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip():
            assert cell["execution_count"], cell["source"]
            loud = [
                out
                for out in cell["outputs"]
                if out.get("name") == "stderr" or out["output_type"] == "error"
            ]
            assert loud == [], loud


def names(cell):
    """What a cell binds at its top level, and what it reads anywhere."""
    code = "\n".join(
        line
        for line in "".join(cell["source"]).splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    tree = ast.parse(code)
    made = {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    for one in tree.body:
        if not isinstance(one, ast.FunctionDef | ast.ClassDef):
            made |= {
                node.id
                for node in ast.walk(one)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    every = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return made, {node.id for node in every if isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_exercise_takes_a_name_that_the_page_reads_again(path):
    """A solution that rebinds `whole` changes what a later cell of the page computes from it."""
    bound = set()
    taken = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        made, read = names(cell)
        if {"exercise", "solution"} & {*cell["metadata"].get("tags", ())}:
            taken |= dict.fromkeys(made & bound, cell["id"])
            continue
        lost = {name: taken[name] for name in read & {*taken} - made}
        assert not lost, f"{cell['id']} reads {lost}"
        bound |= made
        taken = {name: by for name, by in taken.items() if name not in made}


@pytest.mark.parametrize("name", EXECUTED)
def test_a_figure_has_alternative_text(name, executed):
    for cell in executed[name]["cells"]:
        shown = [out.get("data", {}) for out in cell.get("outputs", [])]
        if any("image/" in kind for data in shown for kind in data):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 20, f"{name}: a figure without alternative text: {cell['source']}"
        for data in shown:
            page = "".join(data.get("text/html", ""))
            if "trlib-drawing" in page:
                said = re.findall(r'role="img" aria-label="([^"]*)"', page)
                assert len(said) == 2 and said[0] == said[1] and len(said[0]) > 60, said
                if "comparison_figure(" in "".join(cell["source"]):
                    continue  # its axis says what is shown, and the text above it what was found
                caption = cell["metadata"]["mystnb"]["figure"]["caption"]
                assert len(caption) > 60, f"{name}: a figure without a caption: {cell['source']}"


def test_every_notebook_is_a_chapter():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", sorted({*NAMES} - {path.stem for path in main_line()}))
def test_every_other_notebook_is_stored_without_outputs(name):
    """The main line has its own rules: `test_stored`."""
    for cell in read(name)["cells"]:
        left = cell.get("outputs") or cell.get("execution_count")
        assert not left, f"{cell['id']}: run nbstripout --keep-id on it"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_begins_with_the_install_cell(name):
    code = [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]
    assert "".join(code[0]["source"]) == install_cell()
    assert {"install", "remove-cell"} <= set(code[0]["metadata"]["tags"])


@pytest.mark.parametrize("name", NAMES)
def test_what_the_book_folds_is_folded_in_jupyterlab(name):
    folds = {
        "hide-cell": ["source_hidden"],
        "hide-input": ["source_hidden"],
        "hide-output": [],
        "install": ["source_hidden"],
        "remove-input": ["source_hidden"],
    }
    for cell in read(name)["cells"]:
        tags = cell["metadata"].get("tags", [])
        asked = {fold for tag in tags for fold in folds.get(tag, [])}
        folded = cell["metadata"].get("jupyter", {})
        assert asked == {key for key in folded if folded[key]}, cell["id"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.style
def test_a_code_cell_fits_the_page(name):
    hidden = {"install", "remove-input", "remove-cell", "hide-input"}
    shown = [
        "".join(cell["source"])
        for cell in read(name)["cells"]
        if cell["cell_type"] == "code" and not hidden & set(cell["metadata"].get("tags", []))
    ]
    assert [line for source in shown for line in source.splitlines() if len(line) > 88] == []
