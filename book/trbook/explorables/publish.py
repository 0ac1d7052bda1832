"""What linked pages load from a server: modules, the chunk that they share, data, and parts that
figures ask for."""

from __future__ import annotations

import shutil
from pathlib import Path

from trbook.explorables import parts
from trbook.explorables.files import BUILT


def publish(folder: Path) -> None:
    """Fills a folder of static files, to which `trbook.explorables.modules.link_modules` makes
    pages link."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.js", "*.data.json"):
        for path in BUILT.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    playground, made_from = folder / "playground", parts.inputs()
    # Models are loaded to be packed: seconds of every pass over the book.
    mark = playground / "made.txt"
    if not mark.exists() or mark.read_text(encoding="utf-8") != made_from:
        parts.write(playground, parts.parts())
        mark.write_text(made_from, encoding="utf-8")
