"""How `make lab` has Jupyter read and write a notebook: without Python's version.

JupyterLab writes it into the metadata when a notebook's kernel starts, which marks the notebook as
changed and would change its file. So it is put in when a notebook is read and taken out when it is
saved: a chapter that was opened is unchanged, and one that was opened and saved is as it was.
"""

from __future__ import annotations

import platform
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class Contents(AsyncLargeFileManager):
    """Jupyter's own, whose notebooks already say which Python their kernel is."""

    async def get(self, path: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        """The file as Jupyter reads it, a notebook with Python's version."""
        model: dict[str, Any] = await super().get(path, *arguments, **named)
        if model["type"] == "notebook" and model["content"]:
            language = model["content"]["metadata"].get("language_info", {})
            if language.get("name") == "python":
                language["version"] = platform.python_version()
        return model


def unversioned(path: str, model: dict[str, Any], contents_manager: Any) -> None:
    """Takes Python's version out of a notebook's metadata.

    Args:
        path: where it is saved.
        model: the file as Jupyter is to write it; changed in place.
        contents_manager: Jupyter's, which calls this.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"].get("language_info", {}).pop("version", None)
