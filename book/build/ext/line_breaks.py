"""Where a line may break: not inside a number such as 3e-5, which a browser would break at its
hyphen, not between a formula and the bracket or the mark beside it, and in a long name in code after a mark, where a
browser would break it anywhere."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext.mathematics import breaks

VERBATIM = ("script", "style", "svg", "math", "pre", "textarea", "title", "option")
"""Elements that hold no HTML, or whose lines are not broken anyway."""
TAG = r"""<!--.*?-->|</?[a-z](?:"[^"]*"|'[^']*'|[^"'>])*>"""
NUMBER = r"\b\d+(?:\.\d+)?e-\d+\b"
PART = re.compile(
    rf"<({'|'.join(VERBATIM)})\b.*?</\1>|{TAG}|(?P<number>{NUMBER})|π_(?P<of>old|ref|prox)",
    re.DOTALL | re.IGNORECASE,
)


def numbers(body: str) -> str:
    """A page's HTML with each such number in an element of class `whole`, which the style sheet
    does not break, and the name of a policy with its index below the line."""

    def set_out(match: re.Match[str]) -> str:
        if match["of"]:
            return f"π<sub>{match['of']}</sub>"
        return f'<span class="whole">{match[0]}</span>' if match["number"] else match[0]

    return PART.sub(set_out, body)


LONG_NAME = re.compile(r'(?<=<span class="pre">)[^<]{18,}(?=</span>)')
"""A name that may be wider than a phone, or than a column of a table."""
MARKS = re.compile(r"(?<=[._=,/(:])(?=\w)")


def names(body: str) -> str:
    """A page's HTML with a place to break after each mark of a long name in code."""
    return LONG_NAME.sub(lambda match: MARKS.sub("<wbr>", match[0]), body)


CLOSING = tuple(".,;:!?)")


def keep_close(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keeps a formula in one line with the bracket before it and the mark behind it, between which a
    browser would break. Not a formula that has a place to break inside: it may be wider than a
    phone."""
    for formula in list(doctree.findall(nodes.math)):
        parent, at = formula.parent, formula.parent.index(formula)
        before = parent[at - 1] if at else None
        after = parent[at + 1] if at + 1 < len(parent) else None
        opening = before if isinstance(before, nodes.Text) and before.endswith("(") else None
        closing = after if isinstance(after, nodes.Text) and after.startswith(CLOSING) else None
        if (opening is None and closing is None) or breaks(formula.astext()):
            continue
        whole = nodes.inline("", "", classes=["whole"])
        if opening is not None:
            parent.replace(opening, nodes.Text(opening[:-1]))
            whole += nodes.Text("(")
        whole += formula.deepcopy()
        if closing is not None:
            parent.replace(closing, nodes.Text(closing[1:]))
            whole += nodes.Text(closing[0])
        formula.replace_self(whole)


def connect(app: Sphinx) -> None:
    app.connect("doctree-resolved", keep_close)
