"""Where things are, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
NOTEBOOKS = ROOT / "notebooks"


def config() -> dict[str, Any]:
    """The book's settings."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def contents() -> list[str]:
    """Every page that the table of contents names, in its order, without a suffix:
    `notebooks/05_grpo`."""

    def files(node: Any) -> list[str]:
        if isinstance(node, dict):
            here = [node[key] for key in ("root", "file") if key in node]
            return here + [name for value in node.values() for name in files(value)]
        return [name for item in node for name in files(item)] if isinstance(node, list) else []

    return files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))


def chapters() -> list[Path]:
    """The notebooks that the table of contents names, in its order."""
    return [ROOT / f"{name}.ipynb" for name in contents() if name.startswith("notebooks/")]
