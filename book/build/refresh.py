"""Store the notebooks with their results: `make refresh`, or

    python -m book.build.refresh            # whatever is out of step: after a notebook's code has changed
    python -m book.build.refresh 04_ppo     # these notebooks, in step or not
    python -m book.build.refresh --all      # before a release
    python -m book.build.refresh --check    # changes nothing; names each cell that is out of step
    python -m book.build.refresh --pictures # executes nothing; draws the pictures of explorables as they are today

A notebook runs on a copy, in the profile `cpu`, and is stored as soon as it has run. Everybody reads the
same file. Code hosts, and JupyterLab without a kernel, show text, simple tables and bitmaps: so a figure
becomes a picture, and an explorable the picture of its first state, drawn by Chromium; scripts,
styles, widgets and whatever is different in every run go. An answer stays in its fold. Beside such a
picture stands, under a type of our own that other readers ignore, what the book's page shows in its
place (`book.build.ext.stored`). Only a notebook's own code makes its results stale: what an edit of a
package changes is shown when they are stored the next time. A picture of an explorable needs no kernel:
its module and settings stand beside it.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from book.build.browser import browser, settle
from book.build.draw.stills import READY
from book.build.execute import KEY as RECORD
from book.build.execute import execute
from book.build.ext.stored import KEY, complaints, explorable_of, fingerprints, packed, whole
from book.build.paths import chapters
from trbook.explorables.files import PAGE as OURS
from trlib.errors import unknown

WIDTH = 760
"""Pixels of the page that pictures are taken of."""
SHARP = 1.25
"""Device pixel ratio of the pictures."""
COLOURS = 48
"""That a picture keeps."""
PAGE = """<!doctype html><html data-theme="light"><meta charset="utf-8">
<style>#shown{{width:fit-content}}#shown:has(.trlib-explorable){{width:100%}}
.trlib-drawing{{container-type:normal!important}}</style>
<body style="margin:0;background:#fff;color:#1b1f24;font:15px 'DejaVu Sans',sans-serif">
<div id="shown">{}</div></body>"""
NOTE = (
    '<p style="margin:0;padding:4px 2px 10px;font-size:16px"><b>This is a picture.</b> Run the cell in Jupyter, '
    "and it comes to life.</p>"
)
DRAWING = re.compile(
    r'<div class="trlib-drawing">.*?<div class="drawn(?:-narrow)?">.*?</div></div>', re.S
)
WHOLE = re.compile(r'\s*<div class="trbook-strip"')
"""An output that is one picture."""
SCRIPTS = re.compile(r"<script.*?</script>\s*", re.S)
STYLES = re.compile(r"<style.*?</style>\s*", re.S)
NAMES = re.compile(r' id="T_\w+"')
"""The random ids that pandas gives a styled table."""
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
SECONDS = re.compile(r"(Run\([^\n]*?) in [\d.]+ (?:s|min)\)")
"""How long a run took, which its representation says."""
OPENED = ("execution", "collapsed", "scrolled")
"""What Jupyter notes in a cell that it has run."""


@dataclass(frozen=True)
class Picture:
    """A bitmap, and its size on a page in pixels."""

    png: bytes
    width: int
    height: int


Draw = Callable[[str], Picture]


@contextmanager
def camera() -> Iterator[Draw]:
    """What draws a fragment of HTML as it stands on a light page, without running its scripts."""
    with browser() as chromium:

        def draw(fragment: str) -> Picture:
            page = chromium.new_page(
                viewport={"width": WIDTH, "height": 900},
                device_scale_factor=SHARP,
                color_scheme="light",
                reduced_motion="reduce",
            )
            moves = "trlib-explorable" in fragment and "<template shadowrootmode" not in fragment
            page.set_content(PAGE.format(fragment if moves else SCRIPTS.sub("", fragment)))
            if moves:  # a state without a still
                page.wait_for_function(READY)
            settle(page)
            shown = page.locator("#shown")
            box = shown.bounding_box()
            png = small(shown.screenshot())
            page.close()
            return Picture(png, round(box["width"]), round(box["height"]))

        yield draw


def small(png: bytes) -> bytes:
    """The picture in few colours."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    out = io.BytesIO()
    few = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def live(output: dict[str, Any]) -> dict[str, Any] | None:
    """What a page shows in the place of a picture, as an output holds it; None: the output holds no
    figure."""
    data = output.get("data", {})
    if OURS in data:
        return data[OURS] if "packed" in data[OURS] else packed(data[OURS])
    page = data.get("text/html", "")
    drawn = DRAWING.search(page) or WHOLE.match(page)
    return packed({"html": _plain(page)}) if drawn else None


def cleaned(output: dict[str, Any], draw: Draw) -> dict[str, Any]:
    """An output as it is stored.

    Args:
        output: of a code cell, as nbformat has it.
        draw: makes a picture of HTML.
    """
    shown = live(output)
    if shown is None:
        return lasting(output)
    page = output["data"]["text/html"]
    if OURS in output["data"]:  # an explorable, which says what it is
        alt = _plain(output["data"].get("text/plain", "")).partition(": ")[2]
        found = {**output, **_as_picture(NOTE + page, alt, draw)}
    elif WHOLE.match(page) or DRAWING.sub("", page).strip() == "":
        found = {**output, **_as_picture(page, _label(page), draw)}
    else:
        page = DRAWING.sub(lambda found: _img(found[0], draw), page)
        found = lasting({**output, "data": {**output["data"], "text/html": page}})
    found["data"][OURS] = shown
    return found


def lasting(output: dict[str, Any]) -> dict[str, Any]:
    """An output that holds no figure without what is different in every run, and without what no
    code host shows."""
    if output["output_type"] == "stream":
        return {**output, "text": _plain(output["text"])}
    data = output["data"]
    kept = {"text/plain": _plain(data.get("text/plain", ""))}
    for kind in ("text/html", "text/markdown"):
        if kind in data:
            kept[kind] = _plain(NAMES.sub("", STYLES.sub("", SCRIPTS.sub("", data[kind]))))
    return {**output, "data": kept}


def _as_picture(page: str, alt: str, draw: Draw) -> dict[str, Any]:
    """The data and metadata of an output that is one picture."""
    drawn = draw(page)
    size = {"width": drawn.width, "height": drawn.height}
    data = {"image/png": base64.b64encode(drawn.png).decode(), "text/plain": alt}
    return {"data": data, "metadata": {"image/png": {"alt": alt, **size}}}


def _img(page: str, draw: Draw) -> str:
    """A drawing inside of other HTML."""
    drawn = draw(page)
    return image(_label(page), drawn.width, base64.b64encode(drawn.png).decode())


def image(alt: str, width: int, png: str) -> str:
    """A PNG, in base64, as an element of HTML."""
    return f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/png;base64,{png}">'


def _label(page: str) -> str:
    """What a picture shows, in words."""
    match = re.search(r'aria-label="([^"]*)"', page)
    return html.unescape(match[1]) if match else ""


def _plain(text: str) -> str:
    """Text without what is different in every run."""
    return SECONDS.sub(r"\1)", ADDRESS.sub("", text))


def stored(notebook: dict[str, Any], draw: Draw) -> dict[str, Any]:
    """An executed notebook as it is stored.

    Raises:
        ValueError: a cell has no result, failed, or wrote to stderr.
    """
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        if cell["source"] and not cell["execution_count"]:
            raise ValueError(f"cell {number} ({cell['id']}) has not run")
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            raise ValueError(f"cell {number} ({cell['id']}) failed")
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                printed = "".join(output["text"]).strip()
                raise ValueError(f"cell {number} ({cell['id']}) writes to stderr: {printed[:300]}")
        cell["outputs"] = nbformat.from_dict([cleaned(output, draw) for output in cell["outputs"]])
        for name in OPENED:
            cell["metadata"].pop(name, None)
    metadata = notebook["metadata"]
    metadata.pop("widgets", None)
    metadata.get("language_info", {}).pop("version", None)
    metadata[RECORD] = whole(metadata[RECORD])
    metadata[KEY] = fingerprints(notebook)
    return notebook


def out_of_step(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """The notebooks whose stored results are not those of their code, with what is wrong."""
    by_path = {path: list(complaints(nbformat.read(path, as_version=4))) for path in paths}
    return {path: printed for path, printed in by_path.items() if printed}


def refresh(paths: Sequence[Path]) -> None:
    """Executes these notebooks, and stores each as soon as it has run."""
    with camera() as draw:
        for number, path in enumerate(paths, 1):
            nbformat.write(stored(execute(path, profile="cpu"), draw), path)
            size = path.stat().st_size // 1000
            print(f"{number:2d}/{len(paths)}  {path.stem}: {size} kB", flush=True)


def redraw(paths: Sequence[Path]) -> None:
    """Draws the explorables' pictures in these notebooks again, and stores those that have changed."""
    with camera() as draw:
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            for cell in notebook["cells"]:
                for output in cell.get("outputs", ()):
                    shown = explorable_of(output.get("data", {}).get(OURS, {}))
                    if shown:
                        output.update(_as_picture(NOTE + shown.html(), shown.fallback, draw))
                        output["data"][OURS] = packed(
                            {"explorable": shown.module, "settings": shown.settings()}
                        )
            before, notebook["metadata"][KEY] = notebook["metadata"][KEY], fingerprints(notebook)
            if notebook["metadata"][KEY] != before:
                nbformat.write(notebook, path)
                print(f"{path.stem}: drawn again", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.refresh", description=__doc__)
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="such as 04_ppo")
    parser.add_argument("--all", action="store_true", help="every notebook")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    parser.add_argument("--pictures", action="store_true", help="draw explorables; run nothing")
    options = parser.parse_args(argv)
    by_name = {path.stem: path for path in chapters()}
    named = [Path(name).stem for name in options.notebooks]
    for name in named:
        if name not in by_name:
            parser.error(str(unknown("notebook", name, by_name)))
    paths = [by_name[name] for name in named or by_name]
    wrong = out_of_step(paths)
    if options.check:
        for path, printed in wrong.items():
            print("\n".join(f"notebooks/{path.name}: {one}" for one in printed))
        return bool(wrong)
    if options.pictures:
        redraw([path for path in paths if path not in wrong])
        return 0
    if wanted := paths if named or options.all else list(wrong):
        refresh(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
