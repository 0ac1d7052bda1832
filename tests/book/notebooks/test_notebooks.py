"""Every notebook is as it should be in the repository; `pytest --nbmake notebooks` runs them."""

import ast
import json
import re

import pytest

from book.build.paths import NOTEBOOKS, chapters

NAMES = [path.stem for path in chapters()]


def read(name):
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))


def names(cell):
    """What a cell binds at its top level, and what it reads anywhere."""
    code = re.sub(r"^(\s*)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.MULTILINE)
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


@pytest.mark.parametrize("name", NAMES)
def test_what_the_book_folds_is_folded_in_jupyterlab_and_on_colab_and_says_what_is_in_it(name):
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
        if asked:
            assert cell["metadata"].get("cellView") == "form", cell["id"]
            assert cell["source"][0].startswith("# @title "), cell["id"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_read_by_a_relative_path(name):
    """On a host there is the notebook alone."""
    code = "\n".join("".join(c["source"]) for c in read(name)["cells"] if c["cell_type"] == "code")
    read_in = r"""(?:open|read_\w+|Path|load|imread)\(\s*["'](?![/~])[^"']*[./]"""
    assert re.findall(read_in, code) == []
