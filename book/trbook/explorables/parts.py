"""What the playground loads while it runs: the Worker with its engine, and the weights of each
checkpoint.

None of it is stored: the parts are made from the built engine and from the checkpoints that the
package ships, when a book is built or a notebook shows the playground.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

import trlib
from trbook.explorables import engine
from trbook.explorables.engine import BUILT as ENGINE
from trbook.explorables.engine import packed
from trbook.explorables.files import BUILT
from trlib.model.loading import EMBEDDED
from trlib.model.policy import load_policy

CHECKPOINTS = ("dial", "dial_rare", "spend", "tales")
WORKER = BUILT / "workers" / "lane.js"


@cache
def parts() -> dict[str, str]:
    """By name: `engine`, JSON of the Worker's source, the WebAssembly module (base64), the
    checkpoints' cards, and the SHA-256 of the first two with the package's version, which a saved
    run carries; and each checkpoint's weights (half precision, base64)."""
    cards, weights = {}, {}
    for name in CHECKPOINTS:
        card, data = packed(load_policy(name))
        cards[name] = card.json()
        weights[name] = base64.b64encode(data).decode()
    worker, wasm = WORKER.read_text(encoding="utf-8"), (ENGINE / "engine.wasm").read_bytes()
    shared = {
        "worker": worker,
        "wasm": base64.b64encode(wasm).decode(),
        "cards": cards,
        "made": {
            "hash": hashlib.sha256(worker.encode() + wasm).hexdigest(),
            "version": trlib.__version__,
        },
    }
    return {"engine": json.dumps(shared, ensure_ascii=False), **weights}


def inputs() -> str:
    """The digest of what `parts` are made from."""
    digest = hashlib.sha256(trlib.__version__.encode())
    checkpoints = (path for name in CHECKPOINTS for path in sorted((EMBEDDED / name).iterdir()))
    for path in (
        Path(__file__),
        Path(engine.__file__),
        WORKER,
        ENGINE / "engine.wasm",
        *checkpoints,
    ):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write(folder: Path, given: dict[str, str]) -> None:
    """Each part as a plain script, which pages load from a server and from a file system alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in given.items():
        value = json.dumps(text, ensure_ascii=False)
        (folder / f"{name}.js").write_text(
            f'(self.trlibParts ??= {{}})["{name}"] = {value};\n', encoding="utf-8"
        )
