"""How `make lab` has Jupyter save a notebook: without Python's version, which would change every chapter that
is opened, and without widgets, of which JupyterLab says "model not found" once their kernel is gone."""

from __future__ import annotations

from typing import Any

from trbook.explorables.files import PAGE

WIDGET = "application/vnd.jupyter.widget-view+json"


def saved(path: str, model: dict[str, Any], contents_manager: Any) -> None:
    """Changes a notebook that Jupyter is about to write, in place."""
    if model["type"] != "notebook":
        return
    metadata = model["content"]["metadata"]
    metadata.pop("widgets", None)
    metadata.get("language_info", {}).pop("version", None)
    for cell in model["content"]["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if PAGE in data:
                data.pop(WIDGET, None)
                if "image/png" in data:
                    data.pop("text/html", None)
