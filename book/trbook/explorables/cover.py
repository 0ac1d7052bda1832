"""What a page shows of the playground before anybody presses *Play*: the question and the
button."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

PROMPT = "4 : -5 sq x7 +3 +4 ="
"""What the first screen's policy is asked, over and over: the last of the quickstart's prompts."""
STYLE = (Path(__file__).parent / "cover.css").read_text(encoding="utf-8")


def cover(preset: dict[str, Any], lanes: Sequence[dict[str, Any]]) -> str:
    """HTML for a shadow root. A button with `data-start` starts the module, which gets its value.

    Args:
        preset: what the page begins with.
        lanes: those that will learn; where they are not the preset's, nothing is asked about them.
    """
    ask = options = ""
    if lanes is preset["lanes"]:  # a question about lanes that are not there has no answer
        question = preset["question"]
        ask = f'<p class="ask">Predict, then play: {escape(question["text"])}</p>'
        options = "".join(
            f'<button type="button" data-start="guess:{escape(value)}">{escape(text)}</button>'
            for value, text in question["options"]
        )
    return (
        f'<style>{STYLE}</style><div class="trx" role="group" aria-label="Playground">'
        f'<p class="what"><b>{escape(preset["title"])}</b> What to notice: {escape(preset["text"])}</p>'
        f"{ask}"
        '<div class="bar"><button type="button" class="play" data-start="play">Play</button>'
        f"{options}</div>"
        '<p class="soft">A language model of 124 thousand parameters learns here, in '
        f"{_lanes(len(lanes))}: <slot></slot>. "
        "Nothing is loaded before the click; after it about 0.4 MB.</p></div>"
    )


def lines(lanes: Sequence[dict[str, Any]]) -> str:
    """The lanes as text on the page, before any has done a batch."""
    return ", ".join(
        f'<code data-lane="{name}" data-method="{escape(lane.get("method", "ppo"))}" '
        'data-batch="0" '
        f'data-reward="">{escape(lane.get("method", "ppo"))}</code>'
        for name, lane in zip("abcd", lanes, strict=False)
    )


def _lanes(count: int) -> str:
    return "one lane" if count == 1 else f"{('two', 'three', 'four')[count - 2]} lanes side by side"
