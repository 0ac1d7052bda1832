"""Where a line may break: not inside a number such as 3e-5, which a browser would break at its
hyphen, and in a long name in code after a mark, where a browser would break it anywhere."""

from __future__ import annotations

import re

from book.build.ext.phone_tables import MARKS

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


LONG_NAME = re.compile(r'(?<=<span class="pre">)[^<]{30,}(?=</span>)')
"""A name that may be wider than a phone."""


def names(body: str) -> str:
    """A page's HTML with a place to break after each mark of a long name in code."""
    return LONG_NAME.sub(lambda found: MARKS.sub("<wbr>", found[0]), body)
