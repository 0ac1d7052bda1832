"""The files in `built/`: modules bundled from `js/`, first states, packed data. No widget library
is needed here.

A module is committed once, as a small entry that imports `./common.js`, the chunk that all of them
share. A static page loads the two files as they stand. A notebook, Colab and a page opened from the
file system cannot: a module from a Blob has no folder, so `./common.js` leads nowhere. For these
`source_of` links the two texts into one module:

    import{bench as E,h}from"./common.js"; ...      =>
        const{bench:E,h}=(() => { common; return {...} })(); ...
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path
from zipfile import ZipFile

HERE = Path(__file__).parent
BUILT = HERE / "built"
STILLS = HERE / "stills.zip"
SOURCES = HERE / "js"
COMMON, CHUNK = "common", "parts/common.js"
PAGE = "application/vnd.trust-region-book+json"
"""The type, in a notebook's output, of what the book's page shows in the place of a picture."""

_IMPORT = re.compile(r'import\{([^{}]*)\}from"\./common\.js";')
_SOURCE = re.compile(r"""(?:from|import)\s*"(?:worker:)?(\.[^"]+)\"""")
_EXPORT = re.compile(r"export\{([^{}]*)\};\s*\Z")


def source_of(name: str) -> str:
    """An explorable's module as one self-contained text: it imports nothing, so it runs from
    anywhere.

    Args:
        name: a module in `built/`, without its ending.

    Raises:
        FileNotFoundError: there is no such module.
        ValueError: the module does not use the shared chunk in the form that esbuild writes.
    """
    entry = (BUILT / f"{name}.js").read_text(encoding="utf-8")
    bindings = ",".join(_IMPORT.findall(entry)).replace(" as ", ":")
    code = _IMPORT.sub("", entry)
    if not bindings or "common.js" in code:
        raise ValueError(
            f'{name}.js: expected every import of ./common.js as import{{...}}from"./common.js";'
        )
    # Imports were hoisted anyway: the chunk runs before the entry's body.
    licence, end, body = code.partition("*/\n")
    return f"{licence}{end}const{{{bindings}}}={_common()};\n{body}"


@cache
def _common() -> str:
    """The shared chunk as an expression whose value holds its exports."""
    code = (BUILT / f"{COMMON}.js").read_text(encoding="utf-8").partition("*/\n")[2]
    body, exports = _EXPORT.sub("", code), _EXPORT.search(code)
    if exports is None or re.search(r"^import\b", code):
        raise ValueError("common.js: expected no import, and one export{...}; at its end")
    pairs = (binding.partition(" as ") for binding in exports[1].split(","))
    return f"(()=>{{{body}return{{{','.join(f'{public or local}:{local}' for local, _, public in pairs)}}}}})()"


def still_of(name: str) -> str | None:
    """The picture of an explorable's first state, where one has been drawn
    (`book.build.draw.stills`)."""
    return stills().get(name)


@cache
def stills() -> dict[str, str]:
    """All of these pictures, by the names of their explorables and states."""
    with ZipFile(STILLS) as kept:
        return {name.removesuffix(".html"): kept.read(name).decode() for name in kept.namelist()}


def data_of(name: str) -> str | None:
    """The data that an explorable draws, JSON that was packed beforehand, where it has some."""
    path = BUILT / f"{name}.data.json"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def sources_of(entry: str) -> list[str]:
    """The files that an entry is built from, by their imports, as paths from `js/`; the shared chunk
    is an entry of its own. `build.mjs` follows the same."""
    sources, left = {"build.mjs", "package-lock.json"}, [entry]
    while left:
        name = left.pop()
        if name in sources or not (SOURCES / name).exists():
            continue
        sources.add(name)
        if not name.endswith(".js"):
            continue
        for to in _SOURCE.findall((SOURCES / name).read_text(encoding="utf-8")):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), to))
            if path != CHUNK:
                left.append(path)
    return sorted(sources)


def digest_of(entry: str) -> str:
    """The digest of an entry's sources; the first line of the built file holds the one that it was
    built from."""
    digest = hashlib.sha256()
    for name in sources_of(entry):
        text = (SOURCES / name).read_text(encoding="utf-8")
        digest.update(f"{name}\n{text}\n".encode())
    return digest.hexdigest()[:16]


def built_files() -> dict[str, str]:
    """The built files, as paths from `built/`, each with its entry."""
    entries = {path.name: path.name for path in SOURCES.glob("*.js")}
    return entries | {
        f"{COMMON}.js": CHUNK,
        "workers/lane.js": "../engine/js/worker.js",
    }
