"""Write what a page's lines of Python print below them, so that it can be read without a build.

    python -m book.build.printed            # after such lines, or what they call, have changed

The build runs the lines again (`book.build.ext.snippets`).
"""

from __future__ import annotations

import re
import sys

from book.build.ext.snippets import RUNS, printed
from book.build.paths import ROOT


def shown(found: re.Match[str]) -> str:
    """Lines of Python with what they print, as a page's source has them."""
    output = re.sub(r"[ \t]+$", "", printed(found[1]), flags=re.MULTILINE)
    return f"<!--runs-->\n```python\n{found[1]}```\n\n```text\n{output}\n```\n<!--/runs-->"


def main() -> int:
    for path in sorted((ROOT / "book").glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (new := RUNS.sub(shown, page)) != page:
            path.write_text(new, encoding="utf-8")
            print(f"{path.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
