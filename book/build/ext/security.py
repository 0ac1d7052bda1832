"""Every page's policy: nothing from anywhere else, and no inline script but those that the build
wrote.

A script that is not among the hashes in a page's head does not run there, whatever brought it onto
the page. Styles may be inline: formulas and tables carry theirs. WebAssembly runs only where a
model learns in the page: in the playground, in the storyteller and on the dial.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from sphinx.application import Sphinx

META = '<meta http-equiv="Content-Security-Policy" content="{}">'
OLD = re.compile(META.format('[^"]*'))
INLINE = re.compile(r"<script((?:\s[^>]*)?)>(.*?)</script>", re.DOTALL)
DATA = re.compile(r'\stype="(?!module|text/javascript)|\ssrc=')
"""A script element that holds data, or whose text lies in a file."""
LEARNS = re.compile('data-explorable="(?:dial|playground|storyteller)"')
CHARSET = re.compile(r'<meta charset="?utf-8"?\s*/?>', re.IGNORECASE)


def sealed(page: str) -> str:
    """A page with its policy, before anything that it governs."""
    page = OLD.sub("", page)
    texts = [text for attributes, text in INLINE.findall(page) if not DATA.search(attributes)]
    hashes = "".join(sorted({f" 'sha256-{_hash(text)}'" for text in texts}))
    wasm = " 'wasm-unsafe-eval'" if LEARNS.search(page) else ""
    policy = META.format(
        f"default-src 'none'; script-src 'self'{hashes}{wasm}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; "
        "worker-src 'self' blob:; base-uri 'none'; form-action 'self'"
    )
    page, count = CHARSET.subn(lambda charset: charset.group() + policy, page, count=1)
    return page if count else f'<meta charset="utf-8">{policy}{page}'


def _hash(text: str) -> str:
    """As a browser computes it: over the text with the line ends that its parser leaves."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def seal(app: Sphinx, error: Exception | None) -> None:
    """Seals every page of the finished book; what lies among the static files has a policy of its own."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for path in set(folder.rglob("*.html")) - set((folder / "_static").rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        done = sealed(page)
        if done != page:
            path.write_text(done, encoding="utf-8")


def connect(app: Sphinx) -> None:
    app.connect("build-finished", seal, priority=900)
