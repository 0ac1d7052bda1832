"""The results that a notebook is stored with: which cell they are not of, and explorables live again
on a page.

`book.build.stored` writes results and, into the notebook's metadata, the fingerprints of each code cell
and of its outputs. So whoever reads the notebook can tell whether both are still those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

KEY = "stored_results"
"""Where a notebook's metadata hold the fingerprints of its code cells, in their order: `ID CODE
OUTPUTS`."""
EXPLORABLE = "explorable"
"""Where the metadata of a still hold what it is of: `module`, and `settings` as JSON."""


def code_cells(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The code cells by id, without the one that installs the package: whoever stamps a copy of the
    book writes that."""
    return {
        cell["id"]: cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", [])
    }


def fingerprints(notebook: dict[str, Any]) -> list[str]:
    """Of each code cell its id, a few letters for its code and a few for its outputs."""
    return [
        f"{name} {_short(cell['source'])} {_short(cell['outputs'])}"
        for name, cell in code_cells(notebook).items()
    ]


def _short(value: Any) -> str:
    text = json.dumps(_joined(value), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def _joined(value: Any) -> Any:
    """A value whose texts are whole: a notebook may hold them line by line."""
    if isinstance(value, dict):
        return {key: _joined(one) for key, one in value.items()}
    if isinstance(value, list):
        texts = all(isinstance(one, str) for one in value)
        return "".join(value) if texts else [_joined(one) for one in value]
    return value


def complaints(notebook: dict[str, Any]) -> Iterator[str]:
    """What of the stored results does not belong to the code cells as they are, cell by cell."""
    if KEY not in notebook["metadata"]:
        yield "is stored without results"
        return
    then, now = (
        {line.split()[0]: line.split()[1:] for line in lines}
        for lines in (notebook["metadata"][KEY], fingerprints(notebook))
    )
    numbers = {cell["id"]: number for number, cell in enumerate(notebook["cells"], 1)}
    for name, found in now.items():
        where = f"cell {numbers[name]} ({name})"
        if name not in then:
            yield f"{where} is new since its results were stored"
        elif found[:1] != then[name][:1]:
            yield f"{where}: its code has changed since its results were stored"
        elif found != then[name]:
            yield f"{where}: its outputs are not those that were stored"
    gone = [name for name in then if name not in now]
    if gone:
        yield f"a cell ({gone[0]}) is gone since its results were stored"
    elif [name for name in then if name in now] != [name for name in now if name in then]:
        yield "its code cells stand in another order since its results were stored"


def live(notebook: dict[str, Any]) -> None:
    """Puts the explorables in the place of their stills, and says beside every other picture what it
    shows, where myst-nb looks for that."""
    package = import_module("trbook.explorables")
    by_module = {kind.module: kind for kind in (getattr(package, name) for name in package.__all__)}
    for cell in code_cells(notebook).values():
        for output in cell["outputs"]:
            said = output.get("metadata", {}).pop(EXPLORABLE, None)
            if said:
                shown = by_module[said["module"]](**json.loads(said["settings"]))
                output["data"] = {"text/html": shown.html()}
            elif alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                shows = {"align": "center", "alt": alt}
                cell["metadata"].setdefault("mystnb", {})["image"] = shows
