"""The built modules of the explorables: carried by a page, or linked from it. No widget library is needed here.

A page shows a still picture of an explorable before any module has loaded: its first state, drawn once by the module
itself (`tools.stills`) and kept in `built/NAME.still.html`. It is laid out as the module lays out, so nothing moves
when the module takes its place.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILT = HERE / "built"
SOURCES = HERE / "js"
ENGINE_SOURCES = HERE / "engine" / "js"
KINDS = (".js", ".mjs", ".css", ".json")
LATER = ("playground",)
"""Modules that a page loads on a click: until then it shows their cover."""

_OPEN = '<script type="application/json" class="trlib-module" data-name='
_MODULE = re.compile(_OPEN + r'"(\w+)"(?: data-src="[^"]*")?>.*?</script>', re.DOTALL)
_DATA_OPEN = _OPEN.replace("trlib-module", "trlib-data")
_DATA = re.compile(_DATA_OPEN + r'"(\w+)"(?: data-src="[^"]*")?>.*?</script>', re.DOTALL)
_PARTS_OPEN = _OPEN.replace("trlib-module", "trlib-parts")
_PARTS = re.compile(_PARTS_OPEN + r'"(\w+)"(?: data-src="[^"]*")?>.*?</script>', re.DOTALL)


def fragment(
    name: str,
    settings: dict[str, Any],
    *,
    fallback: str,
    height: str,
    still: str | None = None,
    parts: dict[str, str] | None = None,
    light: str = "",
) -> str:
    """HTML that runs an explorable by itself: its module, its settings and the host; no kernel, no network.

    Args:
        name: a file of `built/`, without its ending.
        settings: the explorable's traits, JSON-able.
        fallback: what stands there until the module has drawn, and where no JavaScript runs.
        height: room kept until then, a CSS length.
        still: a picture that stands there instead, HTML for a shadow root; it keeps its own room. Where it holds a
            button with `data-start`, the module loads when that is pressed.
        parts: by name, what the module asks for while it runs.
        light: HTML that the still has slots for.
    """
    host = (HERE / "host.js").read_text(encoding="utf-8")
    room = "" if still else f' style="min-height:{height}"'
    shadow = f'<template shadowrootmode="open">{still}</template>' if still else ""
    return "\n".join(
        (
            f'<div class="trlib-explorable" data-explorable="{name}">',
            f'<div class="trlib-view"{room}><div class="trlib-still">{shadow}{light or escape(fallback)}</div></div>',
            f'<script type="application/json" class="trlib-traits">{_script(settings)}</script>',
            _carried(name),
            *([_data(name)] if data_of(name) else []),
            *([f'{_PARTS_OPEN}"{name}">{_script(parts)}</script>'] if parts else []),
            f"<script>\n{host}</script>",
            "</div>",
        )
    )


def still_of(name: str) -> str | None:
    """The picture of an explorable's first state, where one has been made."""
    path = BUILT / f"{name}.still.html"
    return path.read_text(encoding="utf-8") if path.exists() else None


def data_of(name: str) -> str | None:
    """The data that an explorable draws, JSON that was packed beforehand, where it has some."""
    path = BUILT / f"{name}.data.json"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def preloads(html: str, address: str) -> str:
    """Links for a page's head that fetch its explorables' modules at once, with the chunk that they share, instead of
    one after the other when the page has been read. Nothing for those that wait for a click."""
    names = [name for name in dict.fromkeys(_MODULE.findall(html)) if name not in LATER]
    files = [f"{name}.js" for name in ("common", *names)] if names else []
    return "".join(f'<link rel="modulepreload" href="{escape(_path(address))}/{file}">' for file in files)


def link_modules(html: str, address: str) -> str:
    """A page whose explorables load their module and data from `address` instead of carrying them: pages then share one
    chunk, and text does not wait for data.

    Browsers load neither from a file system: pages that are read from one must carry theirs (`embed_modules`).

    Args:
        html: a page, or a part of one, with fragments.
        address: the folder that holds what `publish` puts there, as the page sees it ("../_static/explorables").
    """
    address = _path(address)

    def linked(found: re.Match[str]) -> str:
        return f'{_OPEN}"{found[1]}" data-src="{escape(address)}/{found[1]}.js"></script>'

    def fetched(found: re.Match[str]) -> str:
        return f'{_DATA_OPEN}"{found[1]}" data-src="{escape(address)}/{found[1]}.data.json"></script>'

    def asked(found: re.Match[str]) -> str:
        return f'{_PARTS_OPEN}"{found[1]}" data-src="{escape(address)}/{found[1]}"></script>'

    return _PARTS.sub(asked, _DATA.sub(fetched, _MODULE.sub(linked, html)))


def publish(folder: Path) -> None:
    """Puts what linked pages load into a folder: modules, the chunk that they share, data, the playground's parts."""
    shutil.copytree(BUILT / "static", folder, dirs_exist_ok=True)
    for path in BUILT.glob("*.data.json"):
        shutil.copyfile(path, folder / path.name)
    from trbook.explorables.parts import write  # reads checkpoints: torch is loaded here and not with the pages

    write(folder / "playground")


def _path(address: str) -> str:
    """An import needs a path that begins with a dot or a slash; anything else would be the name of a package."""
    address = address.rstrip("/")
    return address if address.startswith((".", "/")) or "://" in address else f"./{address}"


def embed_modules(html: str) -> str:
    """The way back: a page whose explorables carry their modules and data again. Parts stay linked: they are plain
    scripts, which a browser loads from a file system too."""
    return _DATA.sub(lambda found: _data(found[1]), _MODULE.sub(lambda found: _carried(found[1]), html))


def sources_hash() -> str:
    """What the sources are now; `built/record.json` says what they were when the files were built.

    Raises:
        FileNotFoundError: the sources are not installed with the package, only with the repository.
    """
    if not SOURCES.is_dir():
        raise FileNotFoundError(f"{SOURCES}: the JavaScript sources come with the repository, not with the package")
    digest = hashlib.sha256()
    found = {path.relative_to(SOURCES).as_posix(): path for path in SOURCES.rglob("*") if path.suffix in KINDS}
    found |= {f"../engine/js/{path.name}": path for path in ENGINE_SOURCES.glob("*.js")}
    found["../playground.json"] = HERE / "playground.json"
    for name in sorted(found):
        if not name.startswith("node_modules"):
            digest.update(f"{name}\n{found[name].read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()


def _carried(name: str) -> str:
    source = (BUILT / f"{name}.js").read_text(encoding="utf-8")
    return f'{_OPEN}"{name}">{_script(source)}</script>'


def _data(name: str) -> str:
    return f'{_DATA_OPEN}"{name}">{(data_of(name) or "").replace("<", chr(92) + "u003c")}</script>'


def _script(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
