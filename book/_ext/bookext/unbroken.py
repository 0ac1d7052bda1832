"""A number such as 3e-5 stays whole: a browser would break the line at its hyphen."""

from __future__ import annotations

import re

VERBATIM = ("script", "style", "svg", "math", "pre", "textarea", "title", "option")
"""Elements that hold no HTML, or whose lines are not broken anyway."""
TAG = r"""<!--.*?-->|</?[a-z](?:"[^"]*"|'[^']*'|[^"'>])*>"""
NUMBER = r"\b\d+(?:\.\d+)?e-\d+\b"
PART = re.compile(
    rf"<({'|'.join(VERBATIM)})\b.*?</\1>|{TAG}|(?P<number>{NUMBER})", re.DOTALL | re.IGNORECASE
)


def numbers(body: str) -> str:
    """A page's HTML with each such number in an element of class `whole`, which the style sheet
    does not break."""
    return PART.sub(
        lambda found: f'<span class="whole">{found[0]}</span>' if found["number"] else found[0],
        body,
    )
