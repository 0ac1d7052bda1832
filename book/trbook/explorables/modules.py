"""Explorables as HTML: a fragment that carries its module, or links to it. No widget library is
needed here.

A page shows a still picture of an explorable before any module has loaded: its first state, drawn
once by the module itself (`book.build.draw.stills`) and kept in `stills.zip`. It is laid out
as the module lays out, so nothing moves when the module takes its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from trbook.explorables.files import COMMON, data_of, source_of, still_of

HOST = Path(__file__).parent / "host.js"
LATER = ("playground",)
"""Modules that are large: a page loads them when a reader comes near, and no earlier."""
FIRST = "wall"
"""What stands on the first screen. It has its still, so that nothing waits for it: its module and data are asked for at
once, behind what is painted first."""

_OPEN = '<script type="application/json" class="trlib-{}" data-name="{}"'
_MODULE, _DATA, _PARTS = (
    re.compile(_OPEN.format(kind, r"(\w+)") + r'(?: data-src="[^"]*")?>.*?</script>', re.DOTALL)
    for kind in ("module", "data", "parts")
)
"""The elements of a fragment that hold its module, its data and what it asks for while it runs, or
link to them."""
_STILL = re.compile(
    r'(<div class="trlib-still" data-still="([\w.]+)">)<template shadowrootmode="open">.*?</template>',
    re.DOTALL,
)
"""The picture that stands in `built/` under the name that is given there."""


def fragment(
    name: str,
    settings: dict[str, Any],
    *,
    fallback: str,
    placeholder_heights: tuple[int, int],
    still: str | None = None,
    parts: dict[str, str] | None = None,
    shared: str | None = None,
    light: str = "",
    drawn: str | None = None,
    grows: bool = False,
) -> str:
    """HTML that runs an explorable by itself: its module, its settings and the host; no kernel, no
    network.

    Args:
        name: a file of `built/`, without its ending.
        settings: the explorable's traits, JSON-able.
        fallback: what stands there until the module has drawn, and where no JavaScript runs.
        placeholder_heights: pixels kept until then, on a phone (`book.css`) and on a wide page.
        still: a picture that stands there instead, HTML for a shadow root; it keeps its own room.
        parts: by name, what the module asks for while it runs.
        shared: the module in whose folder a linked page finds them; None: in its own.
        light: HTML that the still has slots for.
        drawn: the still's name in `built/`, for a page that is older than it (`link_modules`).
        grows: whether data add to what the still shows, so that the room is kept beside it.
    """
    host = HOST.read_text(encoding="utf-8")
    phone, wide = placeholder_heights
    kept = "" if still and not grows else f' style="min-height:{wide}px;--phone:{phone}px"'
    shadow = f'<template shadowrootmode="open">{still}</template>' if still else ""
    named = f' data-still="{drawn}"' if still and drawn else ""
    opener = " data-opener" if settings.get("opener") else ""
    return "\n".join(
        (
            f'<div class="trlib-explorable" data-explorable="{name}"{opener}>',
            f'<div class="trlib-view"{kept}><div '
            f'class="trlib-still"{named}>{shadow}{light or escape(fallback)}</div></div>',
            f'<script type="application/json" class="trlib-traits">{_json(settings)}</script>',
            _module(name),
            *([_data(name)] if data_of(name) else []),
            *([_carrying("parts", shared or name, _json(parts))] if parts else []),
            f"<script>\n{host}</script>",
            "</div>",
        )
    )


def preloads(html: str, address: str) -> str:
    """Links for a page's head that fetch its explorables' modules and their shared chunk at once.

    Without them a browser finds the modules one after the other, when it has read the page. Those
    of `LATER` get no link, and that of `FIRST` one that lets the styles go before.
    """
    names = [name for name in dict.fromkeys(_MODULE.findall(html)) if name not in LATER]
    files = [f"{name}.js" for name in (COMMON, *names)] if names else []
    home, behind = escape(_path(address)), ' fetchpriority="low"' if FIRST in names else ""
    links = [f'<link rel="modulepreload" href="{home}/{file}"{behind}>' for file in files]
    if behind:
        data = f"{home}/{FIRST}.data.json"
        links.append(f'<link rel="preload" href="{data}" as="fetch" crossorigin{behind}>')
    return "".join(links)


def link_modules(html: str, address: str) -> str:
    """A page whose explorables load their module and data from `address` instead of carrying them.

    Pages then share one chunk, and the text does not wait for the data. A browser loads neither
    from a file system: a page that is opened from one must carry both, as a fragment does. The first
    states are those of today, like the modules, even where a notebook has run long ago.

    Args:
        html: a page, or a part of one, with fragments.
        address: the folder that `trbook.explorables.publish` filled, as the page sees it
            ("../_static/explorables").
    """
    folder = escape(_path(address))

    def link(kind: str, ending: str) -> Callable[[re.Match[str]], str]:
        return lambda match: (
            f'{_OPEN.format(kind, match[1])} data-src="{folder}/{match[1]}{ending}"></script>'
        )

    html = _MODULE.sub(link("module", ".js"), html)
    html = _DATA.sub(link("data", ".data.json"), html)
    html = _STILL.sub(_of_today, html)
    return _PARTS.sub(link("parts", ""), html)


def _of_today(match: re.Match[str]) -> str:
    still = still_of(match[2])
    return f'{match[1]}<template shadowrootmode="open">{still}</template>' if still else match[0]


def _path(address: str) -> str:
    """An import needs a path that begins with a dot or a slash; anything else would be the name of
    a package."""
    address = address.rstrip("/")
    return address if address.startswith((".", "/")) or "://" in address else f"./{address}"


def _module(name: str) -> str:
    return _carrying("module", name, _json(source_of(name)))


def _data(name: str) -> str:
    return _carrying("data", name, _inside_script(data_of(name) or ""))


def _carrying(kind: str, name: str, text: str) -> str:
    return f"{_OPEN.format(kind, name)}>{text}</script>"


def _json(value: Any) -> str:
    return _inside_script(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _inside_script(text: str) -> str:
    """JSON without the characters that would end its script element."""
    return text.replace("<", "\\u003c")
