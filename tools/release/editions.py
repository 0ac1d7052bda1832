"""Puts the PDF that `make pdf` has made beside the built pages and links to it there:
`python -m tools.release.editions`. Without a PDF a page that has `{editions}` shows nothing."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.paths import BUILD

MARK = re.compile(r'<div class="editions"(?: hidden)?>.*?</div>', re.DOTALL)
PDF = "trust-region-book.pdf"


def publish(folder: Path, made: Path) -> bool:
    """Copies the PDF in `made`, if there is one, into the built book and links to it; whether there
    is one.

    Raises:
        FileNotFoundError: there is no book in `folder`.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    found = (made / PDF).exists()
    if found:
        shutil.copyfile(made / PDF, folder / PDF)
    else:
        (folder / PDF).unlink(missing_ok=True)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if 'class="editions"' in text:
            home = "../" * (len(page.relative_to(folder).parts) - 1)
            line = f'<p>The whole book <a href="{home}{PDF}">as a PDF</a>.</p>' if found else ""
            place = f'<div class="editions"{"" if found else " hidden"}>{line}</div>'
            page.write_text(MARK.sub(place, text), encoding="utf-8")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Link to the PDF, if there is one.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--made", type=Path, default=BUILD, help="where the PDF lies")
    options = parser.parse_args(arguments)
    try:
        found = publish(options.folder, options.made)
    except OSError as error:
        print(f"editions: {error}", file=sys.stderr)
        return 1
    print(
        f"editions: {PDF} beside the pages" if found else "editions: no PDF; nothing links to one"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
