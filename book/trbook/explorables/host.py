"""What every explorable shares: a live widget in Jupyter, and a page that needs no kernel anywhere
else.

An explorable is one ES module, `export default { render({ model, el }) }`, bundled from `js/` into
`built/`. Two hosts drive it with the same traits: anywidget where there is a kernel, and elsewhere
`host.js`, a few lines that stand in for anywidget's model. A MIME bundle carries both: JupyterLab
takes the first, a static page and Colab the second. Module and settings, of which the book's page
makes the second anew, stand in it under a type of our own.
"""

from __future__ import annotations

import math
import sys
from typing import Any, ClassVar

import anywidget
import traitlets

from trbook.explorables.files import PAGE, data_of, source_of, still_of
from trbook.explorables.modules import fragment
from trlib.errors import unknown


class Finite(traitlets.CFloat):
    """A trait that holds a number; NaN and infinity are refused by name."""

    def validate(self, obj: Any, value: Any) -> float:
        number = super().validate(obj, value)
        if not math.isfinite(number):
            raise traitlets.TraitError(f"{self.name}: expected a finite number, got {number}")
        return number


class Explorable(anywidget.AnyWidget):
    """The base of every explorable: subclasses name their module and declare their settings as
    traits, which page and kernel both read and set.

    Raises:
        ValueError: a setting that the explorable does not have; the nearest one is suggested.
    """

    module: ClassVar[str]
    """The file in `built/`, without its ending."""
    fallback: ClassVar[str]
    """One sentence for readers whose page runs no JavaScript: what the figure shows."""
    shown: ClassVar[dict[str, dict[str, Any]]] = {}
    """Other states that the book shows: by the name of their still, the settings that differ."""
    placeholder_heights: ClassVar[tuple[int, int]] = (1060, 760)
    """Pixels kept on a phone and on a wide page until the module has drawn, where there is no
    still."""

    opener = traitlets.Unicode(
        "", help="A smaller form for a chapter's first screen, by the name of its state in `shown`."
    ).tag(sync=True)

    _ipython_display_: ClassVar[None] = None
    """Where ipywidgets 7 would show the widget and no page, as on Colab."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "module" in cls.__dict__:  # not the copies of a class that traitlets makes for instances
            cls._esm = source_of(cls.module)
        for trait in vars(cls).values():
            if isinstance(trait, traitlets.TraitType):
                trait.tag(sync=True)
        super().__init_subclass__(**kwargs)

    def __init__(self, **settings: Any) -> None:
        for name in settings:
            if not self.has_trait(name):
                raise unknown(f"{type(self).__name__}, setting", name, self._names())
        opener = settings.get("opener")
        if opener and opener not in self.openers():
            raise unknown(f"{type(self).__name__}, opener", opener, self.openers())
        super().__init__(**{**(self.shown[opener] if opener else {}), **settings})

    @classmethod
    def openers(cls) -> list[str]:
        """The states of `shown` that are openers."""
        return [name for name, state in cls.shown.items() if "opener" in state]

    @classmethod
    def _names(cls) -> list[str]:
        """The names of the explorable's own settings."""
        inherited = {*anywidget.AnyWidget.class_trait_names(), "opener"}
        return [
            name
            for name in cls.class_trait_names(sync=True)
            if name not in inherited and not name.startswith("_")
        ]

    def settings(self) -> dict[str, Any]:
        """The explorable's own traits, as the page gets them, and an opener's name."""
        own = {name: getattr(self, name) for name in self._names()}
        return {**own, "opener": self.opener} if self.opener else own

    def html(self) -> str:
        """A self-contained fragment of HTML: see `trbook.explorables.modules.fragment`."""
        return fragment(
            self.module,
            self.settings(),
            fallback=self.fallback,
            placeholder_heights=self.placeholder_heights,
            still=self.still(),
            **self._more(),
        )

    def _more(self) -> dict[str, Any]:
        """What else the fragment is made from."""
        return {
            "drawn": self.drawn(),
            "grows": any(
                self.trait_metadata(name, "data") and bool(getattr(self, name))
                for name in self._names()
            ),
        }

    def still(self) -> str | None:
        """The picture that a page shows before the module has drawn. The first state has one, and
        those that the book shows."""
        drawn = self.drawn()
        return still_of(drawn) if drawn else None

    def drawn(self) -> str | None:
        """The name of that picture's file, without its ending."""
        differs = self._differs()
        if not differs:
            return self.module
        return next(
            (f"{self.module}.{name}" for name, state in self.shown.items() if differs == state),
            None,
        )

    def _differs(self) -> dict[str, Any]:
        """The settings that differ from the first state; a trait tagged `data=True` arrives with
        the module."""
        settings = self.settings()
        return {
            name: settings[name]
            for name, default in self.trait_defaults(sync=True).items()
            if name in settings
            and settings[name] != default
            and not self.trait_metadata(name, "data")
        }

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        page = {"text/plain": f"{type(self).__name__}: {self.fallback}", "text/html": self.html()}
        # Colab loads its widget manager from another server; the page needs none.
        if "google.colab" in sys.modules:
            return page, {}
        bundle: Any = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        ours = {"explorable": self.module, "settings": self.settings()}
        return {**data, **page, PAGE: ours}, metadata


class Packed(Explorable):
    """An explorable that draws packed data, `built/NAME.data.json`: a notebook gets them with the
    widget, and a page loads them apart from its text."""

    _data = traitlets.Unicode()

    @traitlets.default("_data")
    def _packed(self) -> str:
        return data_of(self.module) or ""


class Learning(Packed):
    """An explorable in which a policy learns on the page, by the playground's engine."""

    checkpoint: ClassVar[str]
    """The policy that it begins with."""

    _parts = traitlets.Dict()

    @traitlets.default("_parts")
    def _shipped(self) -> dict[str, str]:
        from trbook.explorables.parts import parts  # reads checkpoints: torch is loaded here

        return {name: parts()[name] for name in ("engine", self.checkpoint)}

    def _more(self) -> dict[str, Any]:
        return {**super()._more(), "parts": self._parts, "shared": "playground"}
