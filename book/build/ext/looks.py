"""Names in the prose have the look that figures give them: the colour of `looks.json`, and below the
word the line that a figure draws, full, dashed or dotted, for whoever sees no colours.

Of each section the first time that a name stands there. A link keeps the look of a link, and its
name gets no other in that section; the same link again is plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from trlab.drawing.display_names import NAMES
from trlab.drawing.looks import LOOKS, TABLE

NAMED = ("trpo", "ppo", "grpo", "gspo", "dppo", "quatro", "troll", "cispo")
"""Methods that figures of the main line draw."""
USED = "|".join(
    f"(?<={before} )"
    for before in ("batch", "completions", "fitted", "it", "once,", "or", "prompts", "them", "to")
)
"""What stands before *sixteen times* where a batch is used so often, and not asked or larger."""
PHRASES = {
    "reinforce": r"used once",
    "pg_is": rf"used (?:eight|sixteen|16) times|(?:{USED})(?:sixteen|16) times(?! as\b)|unclipped",
    "ppo": r"PPO's clip|the clip|clipped",
}
"""Ways to use a batch, as the text calls them."""
WORDS = {
    **{key: NAMES[key] for key in NAMED},
    **{key: f"{text}|{NAMES[key]}" for key, text in PHRASES.items()},
}
PATTERN = re.compile(
    "|".join(rf"(?P<{key}>(?<![\w-])(?:{text})(?![\w-]))" for key, text in WORDS.items())
)
CARD = re.compile(r"methods/(?!index)\w+\.html$")
"""The address of a method's card."""
LIST = "book/methods/index"
"""The page whose table has a method a row, each in its look."""
USES = re.compile(r'class="[^"]*\blook-(\w+)')
"""The looks that a page's HTML names."""
PLAIN = (nodes.paragraph, nodes.emphasis, nodes.strong)
ELSEWHERE = (nodes.entry, nodes.title, nodes.reference, nodes.field_list)


def style(keys: Iterable[str]) -> str:
    """The looks as CSS."""
    lines = []
    for key in keys:
        hue, dash, _ = LOOKS[key]
        light, dark = TABLE["hues"][hue]
        kind = "dotted" if dash.startswith(("2 ", "3 ")) else "dashed" if dash else "solid"
        lines.append(f".look-{key}{{color:{light};border-bottom:2px {kind}}}")
        lines.append(f"@media screen{{html[data-theme=dark] .look-{key}{{color:{dark}}}}}")
    return "".join(lines)


def named(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Gives names their looks."""
    if docname == LIST:
        for link in doctree.findall(nodes.reference):
            key = link.get("refuri", "").removesuffix(".html")
            if key in LOOKS and _inside(link, (nodes.entry,)):
                link["classes"].append(f"look-{key}")
    known: dict[nodes.Node | None, set[str]] = {}
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if _inside(paragraph, ELSEWHERE):
            continue
        seen = known.setdefault(_inside(paragraph, (nodes.section,)), set())
        for text in list(paragraph.findall(nodes.Text)):
            link = _inside(text, (nodes.reference,))
            if isinstance(text.parent, PLAIN):
                text.parent.replace(text, _parts(str(text), seen))
            elif link is not None:
                seen.update(str(found.lastgroup) for found in PATTERN.finditer(str(text)))
                to = link.get("refuri", "")
                if to in seen:
                    link.replace_self(link.children)
                elif CARD.search(to):
                    seen.add(to)


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> nodes.Element | None:
    """What of these kinds a node stands in."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return node
    return None


def _parts(text: str, seen: set[str]) -> list[nodes.Node]:
    parts: list[nodes.Node] = []
    end = 0
    for found in PATTERN.finditer(text):
        key = str(found.lastgroup)
        if key in seen:
            continue
        seen.add(key)
        parts.append(nodes.Text(text[end : found.start()]))
        parts.append(nodes.inline("", found[0], classes=[f"look-{key}"]))
        end = found.end()
    return [*parts, nodes.Text(text[end:])]


def styled(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], _: Any) -> None:
    """Only a page with such names carries their looks."""
    if keys := dict.fromkeys(USES.findall(context.get("body", ""))):
        context["metatags"] = f"{context.get('metatags', '')}<style>{style(keys)}</style>"


def connect(app: Sphinx) -> None:
    app.connect("doctree-resolved", named)
    app.connect("html-page-context", styled)
