"""The report on paper: `make report`, into `_build/report.pdf`.

Its page is built alone, from the records, and Chromium prints it in the print style of `book.css`,
with the edition above each sheet and its number below.
"""

from __future__ import annotations

import sys

from book.build.browser import NoChromium, browser, settle
from book.build.pages import BuildFailed, build
from book.build.paths import BUILD, config
from book.build.serve import served
from trlib import __version__

PAGE = "book/report"
PAPER = BUILD / "report.pdf"
MARGINS = {"top": "17mm", "bottom": "15mm", "left": "19mm", "right": "19mm"}
LINE = (
    '<div style="font: 7pt sans-serif; color: #566270; width: 100%; padding: 0 19mm; '
    'text-align: {}">{}</div>'
)
NUMBER = '<span class="pageNumber"></span>'


def main() -> int:
    edition = f"{config()['title']}, version {__version__}"
    try:
        folder = build(BUILD / "alone", [PAGE])
        with served(folder) as home, browser() as chromium:
            page = chromium.new_page(color_scheme="light")
            page.goto(f"{home}/{PAGE}.html", wait_until="networkidle")
            page.emulate_media(media="print")
            settle(page)
            page.pdf(
                path=PAPER,
                format="A4",
                margin=MARGINS,
                print_background=True,
                display_header_footer=True,
                header_template=LINE.format("left", edition),
                footer_template=LINE.format("center", NUMBER),
            )
    except (NoChromium, BuildFailed) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(f"report: {PAPER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
