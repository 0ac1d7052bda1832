"""Mathematics and code linked both ways: a name in code font leads to its place, a docstring's
equation to its chapter. A page that is stored as HTML opens where it lies.

A page says `trlib.algorithms.ppo_loss` in code font, with or without a call behind it, and the name
is a link to the interface. A docstring says :eq: and a label, and the link is called after the page
that the equation stands on.
"""

from __future__ import annotations

import re
from importlib import import_module
from posixpath import dirname, relpath
from types import ModuleType
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain
from sphinx.domains.python import PythonDomain
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

NAME = re.compile(
    r"(tr(?:lib|lab|check|book)(?:\.[A-Za-z]\w*)+)(?<!\.json)(?<!\.py)(?:\(.*\))?", re.DOTALL
)
"""A name of one of our packages, with or without a call behind it; `trlib.json` is a file."""
LOGGER = logging.getLogger(__name__)


def named(code: str) -> str | None:
    """The name in one of our packages that a piece of code is, without a call's arguments; None:
    something else."""
    match = NAME.fullmatch(code.strip())
    return match.group(1) if match else None


def canonical(name: str) -> str:
    """Where the thing of that name is defined: `trlib.train` is `trlib.loop.train.train`.

    A bridge needs a library that the book does without: where that is not installed, the name stays
    as it is.

    Raises:
        ValueError: there is no such thing.
    """
    parts = name.split(".")
    thing: Any = import_module(parts[0])
    for i, part in enumerate(parts[1:], start=2):
        if not hasattr(thing, part) and not isinstance(thing, ModuleType):
            raise ValueError(f"{name}: {'.'.join(parts[: i - 1])} has no {part!r}")
        try:
            thing = (
                getattr(thing, part) if hasattr(thing, part) else import_module(".".join(parts[:i]))
            )
        except ModuleNotFoundError as error:
            # The module is there; the library that it is for is not.
            if error.name != ".".join(parts[:i]):
                return name
            raise ValueError(f"{name}: {'.'.join(parts[: i - 1])} has no {part!r}") from None
    if isinstance(thing, ModuleType):
        return thing.__name__
    qualified = getattr(thing, "__qualname__", "")
    ours = qualified and thing.__module__.split(".")[0] in ("trlib", "trlab", "trcheck", "trbook")
    return f"{thing.__module__}.{qualified}" if ours else name


def to_code(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Makes a link of every name of this package that has a place in the interface; a wrong name
    fails the build."""
    places = cast(PythonDomain, app.env.get_domain("py")).objects
    for code in list(doctree.findall(nodes.literal)):
        name = named(code.astext())
        if name is None or _within(
            code, (nodes.reference, pending_xref, nodes.title, addnodes.desc_signature)
        ):
            continue
        try:
            place = places.get(name) or places.get(canonical(name))
        except ValueError as error:
            LOGGER.warning("%s", error, location=code)
            continue
        if place is not None:
            address = f"{app.builder.get_relative_uri(docname, place.docname)}#{place.node_id}"
            link = nodes.reference("", "", internal=True, refuri=address, classes=["to-code"])
            code.replace_self(link)
            link += code


class ToEquation(SphinxPostTransform):
    """Calls an equation of another page after that page: *GRPO (2)* instead of *(2)*."""

    default_priority = 5  # before the math domain, which knows the number alone

    def run(self, **kwargs: Any) -> None:
        equations = cast(MathDomain, self.env.get_domain("math")).equations
        for node in list(self.document.findall(pending_xref)):
            page, number = (
                equations.get(node["reftarget"], ("", 0)) if node["reftype"] == "eq" else ("", 0)
            )
            if not page or page == self.env.docname:
                continue
            title = self.env.titles[page].astext().partition(":")[0]
            name = nodes.make_id(f"equation-{node['reftarget']}")
            node.replace_self(
                make_refnode(
                    self.app.builder,
                    self.env.docname,
                    page,
                    name,
                    nodes.Text(f"{title} ({number})"),
                )
            )


class ToStoredPage(SphinxTransform):
    """Opens an HTML page below `_static`, such as a report of `trlib diagnose`, where it lies; Sphinx
    would offer a copy of it to download."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for node in list(self.document.findall(addnodes.download_reference)):
            _, below, name = node["reftarget"].partition("_static/")
            if below and name.endswith(".html"):
                address = relpath(below + name, dirname(self.env.docname))
                node.replace_self(
                    nodes.reference("", "", *node.children, internal=True, refuri=address)
                )


def _within(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    above = node.parent
    while above is not None and not isinstance(above, kinds):
        above = above.parent
    return above is not None


def connect(app: Sphinx) -> None:
    app.add_transform(ToStoredPage)
    app.add_post_transform(ToEquation)
    app.connect("doctree-resolved", to_code)
