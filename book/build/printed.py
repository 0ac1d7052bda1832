"""What a page's lines of Python print, below them (`python -m book.build.write`).

A page's source has both between two comments, and the book shows what the source has:

    <!--runs-->
    ```python
    print(1 + 1)
    ```

    ```text
    2
    ```
    <!--/runs-->
"""

from __future__ import annotations

import contextlib
import io
import re

RUNS = re.compile(
    r"^<!--runs-->\n```python\n((?:(?!```).*\n)*)```\n"
    r"(?:\n```text\n((?:(?!```).*\n)*)```\n)?<!--/runs-->$",
    re.MULTILINE,
)
"""Code, and what it printed."""
BEGUN = re.compile(r"^<!--/?runs-->", re.MULTILINE)

NUMBER = re.compile(r"-?\d+\.\d+")


def printed(code: str) -> str:
    """What code prints, in a namespace of its own."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "<page>", "exec"), {"__name__": "__page__"})
    return re.sub(r"[ \t]+$", "", out.getvalue().rstrip("\n"), flags=re.MULTILINE)


def settled(before: str | None, now: str) -> str:
    """What is printed now, or what stands there if nothing but the last printed digit of its numbers
    is another: processors round differently."""
    stands = (before or "").rstrip("\n")
    if NUMBER.sub("", stands) != NUMBER.sub("", now):
        return now
    pairs = zip(NUMBER.findall(stands), NUMBER.findall(now), strict=True)
    return stands if all(_alike(*pair) for pair in pairs) else now


def _alike(a: str, b: str) -> bool:
    """Whether two numbers have as many decimals and differ in the last one only, or by one of its
    units."""
    places = len(a.partition(".")[2])
    if len(b.partition(".")[2]) != places:
        return False
    return a[:-1] == b[:-1] or round(abs(float(a) - float(b)) * 10**places) <= 1


def shown(match: re.Match[str]) -> str:
    """Lines of Python with what they print, as a page's source has them."""
    output = settled(match[2], printed(match[1]))
    return f"<!--runs-->\n```python\n{match[1]}```\n\n```text\n{output}\n```\n<!--/runs-->"


def filled(text: str, page: str) -> str:
    """A page with what its lines of Python print.

    Raises:
        ValueError: a block holds something else, or does not end.
    """
    whole = [match.span() for match in RUNS.finditer(text)]
    for mark in BEGUN.finditer(text):
        if not any(start <= mark.start() < end for start, end in whole):
            line = text.count("\n", 0, mark.start()) + 1
            raise ValueError(
                f"{page}, line {line}: expected <!--runs-->, code, what it prints and <!--/runs-->"
            )
    return RUNS.sub(shown, text)
