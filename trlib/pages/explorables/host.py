"""What every explorable shares: a live widget in Jupyter, and a page that needs no kernel anywhere else.

An explorable is one ES module, `export default { render({ model, el }) }`, bundled from `js/` into `built/`. Two
hosts drive it with the same traits: anywidget, when a kernel is there, and `host.js`, about twenty lines that stand in
for anywidget's model. A MIME bundle carries both; JupyterLab takes the first, a static page and Colab the second.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from trlib.pages.explorables.modules import BUILT, fragment

try:
    import anywidget
except ImportError as missing:
    raise ImportError("explorables need anywidget, an optional part of trust-region-book: "
                      "`pip install anywidget` brings it") from missing


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
        """A self-contained fragment of HTML: see `trlib.pages.explorables.modules.fragment`."""
        return fragment(self.module, self.settings(), fallback=self.fallback, height=self.height)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        page = {"text/plain": f"{type(self).__name__}: {self.fallback}", "text/html": self.html()}
        if "google.colab" in sys.modules:  # Colab loads its widget manager from another server; the page needs none
            return page, {}
        bundle: Any = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **page}, metadata
