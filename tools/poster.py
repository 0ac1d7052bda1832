"""The poster of all trust regions, from the method cards: `python -m tools.poster` writes it as SVG and as PDF."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl

from tools.paths import ROOT
from trlib.pages.cards.poster import alt, poster

SVG, PDF = (ROOT / f"book/_static/figures/poster.{kind}" for kind in ("svg", "pdf"))


def drawn(kind: str) -> bytes:
    """The sheet's bytes, the same at every call: no date, no random names, letters as outlines in the SVG."""
    buffer = io.BytesIO()
    with mpl.rc_context({"font.family": "DejaVu Sans", "svg.fonttype": "path", "svg.hashsalt": "poster",
                         "pdf.fonttype": 42}):
        metadata = {"Date": None, "Creator": None, "Title": alt()} if kind == "svg" else {
            "CreationDate": None, "Creator": None, "Producer": None, "Title": "Trust regions for language models"}
        poster().savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def main() -> int:
    for path in (SVG, PDF):
        path.write_bytes(drawn(path.suffix[1:]))
        print(f"{Path(path).relative_to(ROOT)} ({path.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
