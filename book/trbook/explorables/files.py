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
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / "built"
SOURCES = HERE / "js"
ENGINE_SOURCES = HERE / "engine" / "js"
KINDS = (".js", ".mjs", ".css", ".json")
COMMON = "common"

_IMPORT = re.compile(r'import\{([^{}]*)\}from"\./common\.js";')
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
    (`tools.draw.stills`)."""
    path = BUILT / f"{name}.still.html"
    return path.read_text(encoding="utf-8") if path.exists() else None


def data_of(name: str) -> str | None:
    """The data that an explorable draws, JSON that was packed beforehand, where it has some."""
    path = BUILT / f"{name}.data.json"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def parquet_reader() -> dict[str, str]:
    """What the diagnosis loads for a Parquet file, by name: the script that its Worker then runs
    first."""
    return {"parquet": (BUILT / "workers" / "parquet.js").read_text(encoding="utf-8")}


def sources_hash() -> str:
    """The digest of the JavaScript sources; `built/record.json` holds the one that the files were
    built from.

    Raises:
        FileNotFoundError: the sources are not installed with the package, only with the repository.
    """
    if not SOURCES.is_dir():
        raise FileNotFoundError(
            f"{SOURCES}: the JavaScript sources come with the repository, not with the package"
        )
    digest = hashlib.sha256()
    files = {
        path.relative_to(SOURCES).as_posix(): path
        for path in SOURCES.rglob("*")
        if path.suffix in KINDS
    }
    files |= {f"../engine/js/{path.name}": path for path in ENGINE_SOURCES.glob("*.js")}
    files["../playground.json"] = HERE / "playground.json"
    files["../../../../trlab/drawing/looks.json"] = (
        HERE.parents[2] / "trlab" / "drawing" / "looks.json"
    )
    for name in sorted(files):
        if not name.startswith("node_modules"):
            digest.update(f"{name}\n{files[name].read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()
