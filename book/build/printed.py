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
    r"^<!--runs-->\n```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?<!--/runs-->$",
    re.MULTILINE | re.DOTALL,
)
"""Code, and what it printed."""


def printed(code: str) -> str:
    """What code prints, in a namespace of its own."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "<page>", "exec"), {"__name__": "__page__"})
    return re.sub(r"[ \t]+$", "", out.getvalue().rstrip("\n"), flags=re.MULTILINE)


def shown(found: re.Match[str]) -> str:
    """Lines of Python with what they print, as a page's source has them."""
    output = printed(found[1])
    return f"<!--runs-->\n```python\n{found[1]}```\n\n```text\n{output}\n```\n<!--/runs-->"


def filled(text: str) -> str:
    """A page with what its lines of Python print."""
    return RUNS.sub(shown, text)
