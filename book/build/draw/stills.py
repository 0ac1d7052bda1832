"""Draws the first state of every explorable and the others that the book shows, for pages to show
before any module has loaded: `python -m book.build.draw.stills`, or with the names of some
modules: `python -m book.build.draw.stills clip`.

The module draws itself in Chromium, as narrow as on a phone and wide, and its height is measured at
widths between. What it drew is kept in `book/trbook/explorables/stills.zip` with its
styles. A test compares it with what the module draws now.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from math import hypot
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from book.build.browser import NoChromium, browser, settle
from trbook.explorables import files

WIDTHS = {"narrow": 328, "phone": 382, "middle": 560, "column": 686, "wide": 780}
"""Pixels of the explorable. Which height counts from which width on stands in `base.css`."""
PICTURES = ("narrow", "wide")
"""Widths that are drawn; others are scaled."""
PLACES = "cx|cy|r|x|y|x1|x2|y1|y2|dx|dy|d|width|height|transform|style"
PAGE = (
    '<!doctype html><html data-theme="light"><meta charset="utf-8"><body style="margin: '
    '0">{}</body></html>'
)
READY = """() => [...document.querySelectorAll(".trlib-view > div")]
    .some(div => div.shadowRoot?.querySelector("[data-drawn]"))"""
"""Looks and changes nothing: what is asked again and again must not write into what is still being
drawn."""
DRAWN = """() => {
    const roots = [...document.querySelectorAll(".trlib-view > div")].map(div => div.shadowRoot);
    const root = roots.find(root => root?.querySelector("[data-drawn]"));
    if (!root) return null;
    for (const input of root.querySelectorAll("input")) {
        if (["range", "number", "text"].includes(input.type)) input.setAttribute("value", input.value);
        else input.toggleAttribute("checked", input.checked);
    }
    for (const option of root.querySelectorAll("option")) option.toggleAttribute("selected", option.selected);
    for (const said of root.querySelectorAll("[role=status]")) said.remove();
    const frame = root.querySelector(".trx"), svgs = [...root.querySelectorAll(".plane svg")].map(svg => svg.outerHTML);
    const heights = [...root.querySelectorAll(".plane")].map(plane => plane.style.height);
    return { style: root.querySelector("style").textContent, frame: frame.outerHTML, svgs, heights };
}"""


def draw(explorable: Any, chromium: Any) -> str:
    """The still of an explorable in its state: HTML for a shadow root."""
    html = re.sub(r"<template.*?</template>", "", explorable.html(), flags=re.DOTALL)
    drawn = {}
    for name, width in WIDTHS.items():
        # Only these move by themselves; other figures say what a press does.
        motion = "reduce" if explorable.module in ("wall", "storyteller") else "no-preference"
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, reduced_motion=motion
        )
        page = context.new_page()
        page.set_content(PAGE.format(html))
        page.wait_for_function(READY)
        settle(page)
        drawn[name] = page.evaluate(DRAWN)
        context.close()
    frame = drawn["narrow"]["frame"]
    for i, narrow in enumerate(drawn["narrow"]["svgs"]):
        pictures = ""
        for name in PICTURES:
            pictures += own_names(sized(drawn[name]["svgs"][i], name), f"still-{name}")
        frame = frame.replace(narrow, pictures)
    for heights in zip(*(part["heights"] for part in drawn.values()), strict=True):
        known = "; ".join(f"--{name}: {high}" for name, high in zip(drawn, heights, strict=True))
        frame = frame.replace(f'style="height: {heights[0]};"', f'style="{known}"', 1)
    frame = own_names(frame, "still")
    frame = frame.replace('class="trx"', 'class="trx still" inert', 1).replace(' tabindex="0"', "")
    return f"<style>{drawn['narrow']['style']}</style>{_rounded(simpler(frame))}"


def sized(svg: str, kind: str) -> str:
    """A picture that is scaled to its place, in which its class says when it is shown."""
    scaled = rf'<svg\1 class="still-{kind}" viewBox="0 0 \2 \3"'
    return re.sub(r'<svg([^>]*?) width="([\d.]+)" height="([\d.]+)"', scaled, svg, count=1)


def simpler(html: str) -> str:
    """Its paths without the points that lie on the way between others."""
    return re.sub(r' d="(M[-\d.,LZM]+)"', lambda path: f' d="{_simpler(path[1])}"', html)


def _rounded(html: str) -> str:
    """Places to a hundredth of a pixel: their last digits differ between processors."""
    shorter = partial(re.sub, r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}")
    return re.sub(rf' ({PLACES})="[^"]*"', lambda attribute: shorter(attribute[0]), html)


def own_names(html: str, stem: str) -> str:
    """Names that are drawn at random, as the same names every time."""
    return re.sub(r"trx-(\w+)-[a-z0-9]+-(\d+)", rf"trx-\1-{stem}-\2", html)


def _simpler(path: str, tolerance: float = 0.25) -> str:
    """A path of straight pieces without the points that lie on the way between others."""
    parts = []
    for piece in re.findall(r"M[^MZ]*Z?", path):
        points = [tuple(map(float, point.split(","))) for point in piece.strip("MZ").split("L")]
        kept = _kept(points, tolerance)
        parts.append(
            "M"
            + "L".join(f"{x:.4g},{y:.4g}" for x, y in kept)
            + ("Z" if piece.endswith("Z") else "")
        )
    return "".join(parts)


def _kept(points: list[Any], tolerance: float) -> list[Any]:
    """Ramer, Douglas and Peucker."""
    if len(points) < 3:
        return points
    (ax, ay), (bx, by) = points[0], points[-1]
    length = hypot(bx - ax, by - ay)
    far = [
        abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length
        if length
        else hypot(x - ax, y - ay)
        for x, y in points
    ]
    most = max(range(len(points)), key=far.__getitem__)
    if far[most] <= tolerance:
        return [points[0], points[-1]]
    return [*_kept(points[: most + 1], tolerance)[:-1], *_kept(points[most:], tolerance)]


def stills(modules: Sequence[str] = ()) -> dict[str, str]:
    """By name, the stills of all explorables or of these modules, and those that are kept of others.
    Raises ValueError: there is no explorable of a name."""
    package = import_module("trbook.explorables")
    kinds = {kind.module: kind for kind in (getattr(package, name) for name in package.__all__)}
    for name in modules:
        if name not in kinds:
            raise ValueError(f"module: expected one of {', '.join(sorted(kinds))}, got {name!r}")
    made = {}
    for module in modules or kinds:
        made[module] = kinds[module]()
        for name, state in kinds[module].shown.items():
            made[f"{module}.{name}"] = kinds[module](**state)
    with browser() as chromium:
        drawn = {name: draw(one, chromium) for name, one in made.items()}
    others = {
        name: still
        for name, still in files.stills().items()
        if name.partition(".")[0] in {*kinds} - {*modules}
    }
    return others | drawn if modules else drawn


def keep(made: Mapping[str, str]) -> None:
    """Write stills, so that the same ones make the same file."""
    with ZipFile(files.STILLS, "w") as kept:
        for name in sorted(made):
            kept.writestr(ZipInfo(f"{name}.html"), made[name], ZIP_DEFLATED, 9)


def main(modules: Sequence[str]) -> int:
    try:
        made = stills(modules)
    except (NoChromium, ValueError) as error:
        print(f"stills: {error}", file=sys.stderr)
        return 1
    keep(made)
    print(f"stills: {len(made)} are kept")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
