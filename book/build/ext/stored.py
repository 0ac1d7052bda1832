"""The results that a notebook is stored with: which cell they are not of, and what a page shows of them.

`book.build.refresh` writes results and, into the notebook's metadata, the fingerprints of each code cell
and of its outputs. So whoever reads the notebook can tell whether both are still those.

Beside a picture stands, under a type of our own, what a page shows in its place: an explorable's module
and settings, `{"explorable": "clip", "settings": {...}}`, or HTML with drawings in both layouts. What is
long is `{"packed": "..."}`: JSON, compressed by LZMA, in base64. It would be most of a notebook.

What a notebook imports is folded on a page, and stays open in Jupyter.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import lzma
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx
from sphinx.util import logging

from book.build.ext.figures import captioned
from trbook.address import INTRODUCTION
from trbook.explorables.files import PAGE

KEY = "stored_results"
"""Where a notebook's metadata hold the fingerprints of its code cells, in their order: `ID CODE
OUTPUTS`."""
LOGGER = logging.getLogger(__name__)


def code_cells(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The code cells by id, without the one that installs the package: whoever stamps a copy of the
    book writes that."""
    return {
        cell["id"]: cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", [])
    }


def fingerprints(notebook: dict[str, Any]) -> list[str]:
    """For each code cell its id, a few letters for its code and a few for its outputs."""
    return [
        f"{name} {_short(cell['source'])} {_short(cell['outputs'])}"
        for name, cell in code_cells(notebook).items()
    ]


def _short(value: Any) -> str:
    text = json.dumps(value or "", sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def complaints(notebook: dict[str, Any]) -> Iterator[str]:
    """What of the stored results does not belong to the code cells as they are."""
    if KEY not in notebook["metadata"]:
        yield "is stored without results"
        return
    then, now = (
        {line.split()[0]: line.split()[1:] for line in lines}
        for lines in (notebook["metadata"][KEY], fingerprints(notebook))
    )
    for number, cell in enumerate(notebook["cells"], 1):
        known, found = then.get(cell["id"]), now.get(cell["id"])
        if known and found and known != found:
            what = "outputs are not" if known[0] == found[0] else "code is not that of"
            yield f"cell {number} ({cell['id']}): its {what} the results that were stored"
    if [*then] != [*now]:
        others = ", ".join(sorted(then.keys() ^ now.keys())) or "another order"
        yield f"its code cells are not those whose results were stored: {others}"


LONG = 2000
"""Letters from which on what is shown is packed."""


def whole(value: Any) -> Any:
    """A value as JupyterLab writes it, whose numbers are JavaScript's: 10.0 is 10."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    return [whole(one) for one in value] if isinstance(value, list | tuple) else value


def packed(shown: dict[str, Any]) -> dict[str, Any]:
    """What a page shows, `html` or an `explorable` with its `settings`, as an output holds it."""
    shown = whole(shown)
    text = json.dumps(shown, ensure_ascii=False, sort_keys=True)
    if len(text) < LONG:
        return shown
    return {"packed": base64.b64encode(lzma.compress(text.encode(), preset=9)).decode()}


def _whole(held: dict[str, Any]) -> Any:
    text = held.get("packed")
    return json.loads(lzma.decompress(base64.b64decode(text))) if text else held


def explorable_of(held: dict[str, Any]) -> Any:
    """The explorable of which an output holds module and settings; None: it holds something else."""
    held = _whole(held)
    if "explorable" not in held:
        return None
    package = import_module("trbook.explorables")
    kinds = (getattr(package, name) for name in package.__all__)
    kind = next(kind for kind in kinds if kind.module == held["explorable"])
    return kind(**held["settings"])


def unpacked(held: dict[str, Any]) -> str:
    """The HTML that a page shows in the place of a picture."""
    explorable = explorable_of(held)
    return str(explorable.html() if explorable else _whole(held)["html"])


def live(notebook: dict[str, Any]) -> None:
    """Puts drawings and explorables in the place of their pictures. What a check says of an exercise
    that nobody has answered is for whoever runs it."""
    for cell in code_cells(notebook).values():
        if "exercise" in cell["metadata"].get("tags", []):
            cell["outputs"] = []
        for output in cell["outputs"]:
            held = output.get("data", {}).get(PAGE)
            if held:
                output["data"] = {"text/html": unpacked(held)}


def only_prepares(code: str) -> bool:
    """Whether a cell of code imports and does little else: no loop, nothing that is shown."""
    try:
        body = ast.parse(code).body
    except SyntaxError:  # one of Jupyter's own commands
        return False
    others = [one for one in body if not isinstance(one, ast.Import | ast.ImportFrom)]
    quiet = all(isinstance(one, ast.Assign | ast.Expr | ast.FunctionDef) for one in others)
    return quiet and len(body) > 2 * len(others)


def fold_imports(notebook: dict[str, Any]) -> None:
    """Folds the cells that only prepare, which a page's reader needs last and who runs it needs first."""
    for cell in code_cells(notebook).values():
        metadata = cell["metadata"]
        if not (metadata.get("tags") or cell["outputs"]) and only_prepares(cell["source"]):
            metadata["tags"] = ["hide-input"]
            metadata["mystnb"] = {
                "code_prompt_show": "Show the imports",
                "code_prompt_hide": "Hide the imports",
            }


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Shows a notebook as it is stored, but for what it says of itself outside of the book; where its
    results are not those of its code, a warning says so."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    notebook = nbformat.reads(source[0], as_version=4)
    for message in complaints(notebook):
        LOGGER.warning("%s; `make refresh` executes it", message, location=docname)
    live(notebook)
    fold_imports(notebook)
    captioned(notebook)
    for title in notebook["cells"][:1]:
        title["source"] = INTRODUCTION.sub("", title["source"], count=1)
    source[0] = json.dumps(notebook, ensure_ascii=False)


def connect(app: Sphinx) -> None:
    app.connect("source-read", fill_in, priority=50)
