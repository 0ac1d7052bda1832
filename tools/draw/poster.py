"""The posters of all trust regions, from the method cards: `python -m tools.draw.poster` writes
them as SVG and as PDF, and as SVG in one column for a phone. The sheets say the licence and, where
`_config.yml` names one, the book's address.
"""

from __future__ import annotations

import io
import sys

import matplotlib as mpl

from tools.paths import ROOT, config
from trbook.address import address
from trbook.cards.poster import SHEETS, alt, phone, poster

FOLDER = ROOT / "book/_static/figures"
PHONE = "phone"
KINDS = {"svg": "{}.svg", "pdf": "{}.pdf", PHONE: "{}_phone.svg"}
"""What is drawn of a sheet, and its file."""


def drawn(sheet: str, kind: str) -> bytes:
    """A sheet's bytes, the same at every call: no date, no random names. Words stay words in the
    SVG: as outlines they are thousands of shapes, which stop a phone for a second."""
    where, buffer = address(config()), io.BytesIO()
    with mpl.rc_context(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],  # a reader's own is narrower, if it is another
            "svg.fonttype": "none",
            "svg.hashsalt": "poster",
            "pdf.fonttype": 42,
        }
    ):
        metadata = (
            {"Date": None, "Creator": None, "Title": alt(sheet)}
            if kind != "pdf"
            else {
                "CreationDate": None,
                "Creator": None,
                "Producer": None,
                "Title": SHEETS[sheet].title,
            }
        )
        figure = phone(sheet) if kind == PHONE else poster(sheet, where.pages or where.repository)
        figure.savefig(buffer, format="pdf" if kind == "pdf" else "svg", metadata=metadata)
    return buffer.getvalue()


def main() -> int:
    for sheet in SHEETS:
        for kind in KINDS:
            path = FOLDER / KINDS[kind].format(sheet)
            path.write_bytes(drawn(sheet, kind))
            print(f"{path.relative_to(ROOT)} ({path.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
