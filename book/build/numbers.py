"""The numbers of the records in the source of a page or a notebook (`python -m book.build.write`).

A sentence asks for a number between two comments, which no reader of the source sees, on a code host,
in JupyterLab or on Colab:

    The clip ends at <!--rec basin ppo lr=1e-05 plain-->0.91<!--/rec-->.

What stands between them is computed from the record (`book.build.quoted` says what can be asked
for). Whoever writes a page may write the role alone, {rec}`basin ppo lr=1e-05 plain`.
"""

from __future__ import annotations

import re

import nbformat

from book.build.quoted import FILLED, shown

ROLE = re.compile(r"\{rec\}`([^`]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def filled(text: str) -> str:
    """A page with every number as its record has it; code is left alone.

    Raises:
        ValueError: a number that no record answers.
    """
    parts, end = [], 0
    for fence in FENCED.finditer(text):
        parts += [_filled(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _filled(text[end:])])


def filled_notebook(text: str) -> str:
    """A notebook's file with the numbers of its cells of text.

    Raises:
        ValueError: a number that no record answers.
    """
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = filled(cell["source"])
    return nbformat.writes(notebook) + "\n"


def _filled(text: str) -> str:
    text = ROLE.sub(lambda match: f"<!--rec {match[1]}--><!--/rec-->", text)
    return FILLED.sub(lambda match: commented(match[1]), text)


def commented(asked: str) -> str:
    """A number as a page's source has it."""
    return f"<!--rec {asked}-->{shown(asked)}<!--/rec-->"
