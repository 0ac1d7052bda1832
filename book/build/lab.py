"""How `make lab` has Jupyter read and write a notebook: without Python's version, and with explorables
that are still there when it is opened again.

JupyterLab writes the version into the metadata when a notebook's kernel starts, which marks the
notebook as changed and would change its file. So it is put in when a notebook is read and taken out
when it is saved: a chapter that was opened is unchanged, and one that was opened and saved is as it
was.

JupyterLab shows a stored picture without its alternative text. So it is given an image of HTML, which has
one, and which is not saved.

A widget lives as long as its kernel; of one that is gone JupyterLab says "model not found", whatever
else the output holds. So an explorable is saved without its widget.

Who runs a chapter and saves it has changed nothing if its results are the same. So a cell whose code is
the book's is saved as `book.build.refresh` stores it: without what is different in every run, and a
figure as the picture that the file held of it already. A figure of which it held none stays as it is
shown. So do the results of other code, which is the reader's own.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from book.build.ext.stored import KEY, in_step
from book.build.refresh import OPENED, image, lasting, live
from trbook.explorables.files import PAGE

WIDGET = "application/vnd.jupyter.widget-view+json"
HELD: dict[Path, dict[str, dict[str, Any]]] = {}
"""The figures that a file has held since Jupyter runs: it also saves every two minutes, in the middle of
a run that has yet to draw them again."""


class Contents(AsyncLargeFileManager):
    """Jupyter's own, whose notebooks already say which Python their kernel is, and in words what their
    pictures show."""

    async def get(self, path: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        """The file as Jupyter reads it; see the module."""
        model: dict[str, Any] = await super().get(path, *arguments, **named)
        if model["type"] == "notebook" and model["content"]:
            language = model["content"]["metadata"].get("language_info", {})
            if language.get("name") == "python":
                language["version"] = platform.python_version()
            for output in filter(live, outputs(model["content"])):
                picture = output["metadata"].get("image/png")
                if picture:
                    png = output["data"]["image/png"]
                    output["data"]["text/html"] = image(picture["alt"], picture["width"], png)
        return model


def saved(path: str, model: dict[str, Any], contents_manager: Any) -> None:
    """Changes a notebook that Jupyter is about to write.

    Args:
        path: where it is saved, as Jupyter names it.
        model: the file as Jupyter is to write it; changed in place.
        contents_manager: Jupyter's, which calls this.
    """
    if model["type"] != "notebook":
        return
    notebook = model["content"]
    notebook["metadata"].get("language_info", {}).pop("version", None)
    file = Path(contents_manager.root_dir, path.lstrip("/"))
    before = HELD.setdefault(file, {})
    before.update(figures(file))
    for output in outputs(notebook):
        if PAGE in output.get("data", {}):
            output["data"].pop(WIDGET, None)
            if "image/png" in output["data"]:
                output["data"].pop("text/html", None)
            output.update(before.get(_named(output), {}))
    if KEY not in notebook["metadata"]:
        return
    notebook["metadata"].pop("widgets", None)
    for cell in in_step(notebook):
        for name in OPENED:
            cell["metadata"].pop(name, None)
        for output in cell["outputs"]:
            if live(output):
                output.update(before.get(_named(output), {}))
            elif output["output_type"] != "error":
                output.update(lasting(output))


def figures(file: Path) -> dict[str, dict[str, Any]]:
    """The data and metadata of the outputs that hold figures in a file, by what they show."""
    try:
        notebook = nbformat.read(file, as_version=4)
    except (OSError, ValueError):  # a new file, or one that is no notebook yet
        return {}
    return {
        _named(output): {"data": output["data"], "metadata": output["metadata"]}
        for output in outputs(notebook)
        if PAGE in output.get("data", {})
    }


def outputs(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every output of a notebook."""
    for cell in notebook.get("cells", ()):
        yield from cell.get("outputs", ())


def _named(output: dict[str, Any]) -> str:
    """What an output shows, as a file holds it."""
    return json.dumps(live(output), sort_keys=True)
