"""Pictures of every page in light, in dark and on a phone:
`python -m book.build.draw.screenshots [--only NAME] [--whole]`.

They lie in `_build/screenshots`, named page-light.png, page-dark.png and page-phone.png.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from book.build.browser import NoChromium, browser, settle
from book.build.paths import BUILD
from book.build.serve import served

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 360, "height": 780},
        "color_scheme": "light",
        "has_touch": True,
        "device_scale_factor": 2,
    },
}
OWN = ("book/", "notebooks/", "search.html")


def pages(folder: Path) -> list[str]:
    """Every page of a built book, by its path in the book."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [name for name in names if name.startswith(OWN)]


def shoot(folder: Path, out: Path, only: str = "", whole: bool = False) -> list[Path]:
    """The pictures' paths."""
    out.mkdir(parents=True, exist_ok=True)
    taken = []
    with served(folder) as home, browser() as chromium:
        for view, options in VIEWS.items():
            context = chromium.new_context(**options)
            page = context.new_page()
            for name in [name for name in pages(folder) if only in name]:
                page.goto(f"{home}/{name}")
                settle(page)
                path = out / f"{name.removesuffix('.html').replace('/', '-')}-{view}.png"
                page.screenshot(path=path, full_page=whole)
                taken.append(path)
            context.close()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description="Take pictures of every page of the built book.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html")
    parser.add_argument("--out", type=Path, default=BUILD / "screenshots")
    parser.add_argument("--only", default="", help="pages whose path contains this")
    parser.add_argument("--whole", action="store_true", help="the whole page, not the first screen")
    given = parser.parse_args()
    try:
        taken = shoot(given.folder, given.out, given.only, given.whole)
    except (NoChromium, OSError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(str, taken)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
