"""The built book as one zip that opens from the file system: `python -m book.build.archive`.

A browser loads no shared module from a file system, so the pages in the archive carry their
explorables' modules, which their policy lets them run, and ask for nothing in advance.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from pathlib import Path

from book.build.paths import BUILD
from trbook.explorables.modules import embed_modules


def archive(folder: Path, target: Path) -> Path:
    """The zip of a built book.

    Raises:
        FileNotFoundError: there is no book in `folder`.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(folder.rglob("*")):
            name = f"{target.stem}/{path.relative_to(folder).as_posix()}"
            if path.suffix == ".html":
                zipped.writestr(name, for_files(path.read_text(encoding="utf-8")))
            elif path.is_file() and "_sources" not in path.parts:
                zipped.write(path, name)
    return target


def for_files(page: str) -> str:
    """A page as it can be read from a file system."""
    page = re.sub(r'<link rel="(?:module)?preload"[^>]*>\n?', "", embed_modules(page))
    # A carried module runs from a blob.
    return page.replace("; script-src 'self'", "; script-src 'self' blob:", 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Zip the built book so that it opens from the file system."
    )
    parser.add_argument("--folder", type=Path, default=BUILD / "html")
    parser.add_argument("--out", type=Path, default=BUILD / "trust-region-book.zip")
    given = parser.parse_args()
    try:
        print(archive(given.folder, given.out))
    except OSError as error:
        print(f"archive: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
