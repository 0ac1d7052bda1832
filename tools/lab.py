"""What `make lab` has Jupyter leave out of a notebook that it saves."""

from __future__ import annotations

from typing import Any


def unversioned(path: str, model: dict[str, Any], contents_manager: Any) -> None:
    """Takes Python's version out of a notebook's metadata, which JupyterLab writes there when a
    notebook is opened: so one that was opened and saved is as it was.

    Args:
        path: where it is saved.
        model: the file as Jupyter is to write it; changed in place.
        contents_manager: Jupyter's, which calls this.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"].get("language_info", {}).pop("version", None)
