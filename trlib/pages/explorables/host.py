"""What every explorable shares: a live widget in Jupyter, and a page that needs no kernel anywhere else.

An explorable is one ES module, `export default { render({ model, el }) }`, bundled from `js/` into `built/`. Two
hosts drive it with the same traits: anywidget, when a kernel is there, and `host.js`, about twenty lines that stand in
for anywidget's model. A MIME bundle carries both; JupyterLab takes the first, a static page and Colab the second.
"""

from __future__ import annotations

import json
import re
import sys
from html import escape
from pathlib import Path
from typing import Any, ClassVar

try:
    import anywidget
except ImportError as missing:
    raise ImportError("explorables need anywidget, an optional part of trust-region-book: "
                      "install it with `pip install anywidget`") from missing

HERE = Path(__file__).parent
BUILT = HERE / "built"
HTML, PLAIN = "text/html", "text/plain"

_MODULE = re.compile(r'<script type="application/json" class="trlib-module" data-name="(\w+)">.*?</script>', re.DOTALL)


class Explorable(anywidget.AnyWidget):
    """The base of every explorable: subclasses name their module and declare traits tagged `sync=True`."""

    module: ClassVar[str]
    """The file in `built/`, without its ending."""
    fallback: ClassVar[str]
    """One sentence for readers whose page runs no JavaScript: what the figure shows."""
    height: ClassVar[str] = "36rem"
    """Room kept on the page until the module has drawn."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "module" in cls.__dict__:  # not the copies of a class that traitlets makes for instances
            cls._esm = BUILT / f"{cls.module}.js"
        super().__init_subclass__(**kwargs)

    def settings(self) -> dict[str, Any]:
        """The explorable's own traits, as the page gets them."""
        inherited = set(anywidget.AnyWidget.class_trait_names())
        return {name: getattr(self, name) for name in self.trait_names(sync=True)
                if name not in inherited and not name.startswith("_")}

    def html(self) -> str:
        """A self-contained fragment: the module, its traits and the host; no kernel, no network."""
        source = (BUILT / f"{self.module}.js").read_text(encoding="utf-8")
        host = (HERE / "host.js").read_text(encoding="utf-8")
        return "\n".join((
            f'<div class="trlib-explorable" data-explorable="{self.module}">',
            f'<div class="trlib-view" style="min-height:{self.height}">{escape(self.fallback)}</div>',
            f'<script type="application/json" class="trlib-traits">{_script(self.settings())}</script>',
            f'<script type="application/json" class="trlib-module" data-name="{self.module}">{_script(source)}</script>',
            f"<script>\n{host}</script>",
            "</div>"))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | dict:
        page = {PLAIN: f"{type(self).__name__}: {self.fallback}", HTML: self.html()}
        if "google.colab" in sys.modules:  # Colab loads its widget manager from another server; the page needs none
            return page
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return page
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **page}, metadata


def link_modules(html: str, address: str) -> str:
    """A page whose explorables load their module from `address` instead of carrying it.

    The pages then share one cached chunk; the files are those of `built/static`. Pages that are opened from a file
    system must keep what they carry: browsers load no module from there.

    Args:
        html: a page, or a part of one, holding fragments of `Explorable.html`.
        address: the folder that holds the files of `built/static`, as the page sees it, e.g. "_static/explorables".
    """
    address = address.rstrip("/")
    address = address if "/" in address[:3] or ":" in address else f"./{address}"

    def linked(found: re.Match[str]) -> str:
        source = escape(f"{address}/{found[1]}.js", quote=True)
        return f'<script type="application/json" class="trlib-module" data-name="{found[1]}" data-src="{source}"></script>'

    return _MODULE.sub(linked, html)


def _script(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
