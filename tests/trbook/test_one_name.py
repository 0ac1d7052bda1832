"""One name for each thing: methods by their cards, and one word for what checks an answer."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from tools.paths import NOTEBOOKS, ROOT
from trbook.cards import CARDS
from trbook.cards.poster import SHORT
from trlab.drawing.names import NAMES

BANNED = {
    r"(?<!`)\bminpro\b(?!\.)": "MinPRO",
    r"(?i)\b(?:no-region|ratio-weighted policy gradient|importance weights (?:only|alone))\b": "no region",
    r"\bcheckers?\b": "verifier",
    r"\b(?:Dr\. ?GRPO|DrGRPO|Dr GRPO)\b(?<!Dr\.GRPO)": "Dr.GRPO",
    r"\b(?:TRPO|PPO|GRPO|GSPO|CISPO|DAPO|DPPO)s\b": "the method without a plural",
    r"\b(?:Quatro|Troll|Trapo|Dppo|Gspo|Cispo|Sapo|Mdpo)\b": "in capitals",
    r"\b(?:Minpro|MINPRO|MinPro|Trefree|TreFree|Fixpo|FixPo|PB-PPO|PbPPO)\b": "as on its card",
}
"""A pattern that no page's running text may hold, and what stands there instead."""
REWRITTEN: tuple[str, ...] = ("01_policies_that_write.ipynb",)
"""Notebooks that still hold one; `test_no_page_uses_a_banned_name` warns of these and fails of all
others."""
CODE = re.compile(r"^```.*?^```|`[^`\n]+`|\]\([^)]*\)|<[^>]+>|\$[^$]*\$", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """The running text of a page, without code and addresses."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
    return CODE.sub(" ", text)


def pages() -> list[Path]:
    """What a person wrote for the book."""
    book = ROOT / "book"
    return sorted(
        [
            *book.glob("*.md"),
            *book.glob("interface/*.md"),
            book / "methods/index.md",
            *NOTEBOOKS.glob("*.ipynb"),
        ]
    )


def banned(text: str) -> list[str]:
    """Each banned name in a text, with what stands there instead."""
    return [
        f"{found.group()!r}: {instead}"
        for name, instead in BANNED.items()
        for found in re.finditer(name, text)
    ]


@pytest.mark.style
def test_no_page_uses_a_banned_name():
    faults = {path.name: found for path in pages() if (found := banned(prose(path)))}
    for name in REWRITTEN:
        if faults.pop(name, None):
            warnings.warn(f"{name} holds a banned name", stacklevel=1)
    assert faults == {}


@pytest.mark.style
def test_figures_take_their_names_from_the_cards():
    """By the part of a title before its colon, or the poster's short form; within a label small
    letters begin it."""
    titles = {name: SHORT.get(name, card.title).partition(":")[0] for name, card in CARDS.items()}
    assert {
        name: text for name, text in NAMES.items() if text.casefold() != titles[name].casefold()
    } == {}
