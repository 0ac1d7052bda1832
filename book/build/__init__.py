"""What builds, serves and checks the book. Nothing here is part of the package `trlib`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python cannot read
    found = f"Python {sys.version.split()[0]} ({sys.executable})"
    raise SystemExit(
        f"book.build: expected Python 3.11 or newer, got {found}; `make` brings its own"
    )
