"""Where things are, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
NOTEBOOKS = ROOT / "notebooks"


def config() -> dict[str, Any]:
    """The book's settings."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def chapters() -> list[Path]:
    """The notebooks that the table of contents names, in its order."""

    def files(node: Any) -> list[str]:
        if isinstance(node, dict):
            here = [node["file"]] if "file" in node else []
            return here + [name for value in node.values() for name in files(value)]
        return [name for item in node for name in files(item)] if isinstance(node, list) else []

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [ROOT / f"{name}.ipynb" for name in files(toc) if name.startswith("notebooks/")]
