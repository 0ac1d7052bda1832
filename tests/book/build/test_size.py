"""The measure of the code: what counts as a token of it, which files are ours, and which declare."""

from __future__ import annotations

from pathlib import Path

from tools.size import CONTENT, tokens, tracked


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    packed, open_ = tmp_path / "packed.py", tmp_path / "open.py"
    packed.write_text("def f(x, y): return x + y\n", encoding="utf-8")
    open_.write_text(
        '"""A module."""\n\n\ndef f(\n    x, y\n):\n    """Adds."""\n    # both\n    return x + y\n',
        encoding="utf-8",
    )
    assert tokens(packed) == tokens(open_) == 12
    open_.write_text('name = "a string that is a value counts"\n', encoding="utf-8")
    assert tokens(open_) == 3


def test_what_is_built_or_copied_is_not_counted() -> None:
    scripts = tracked("*.js", "*.mjs")
    assert "book/trbook/explorables/js/clip.js" in scripts
    assert not [name for name in scripts if "/built/" in name or "/katex/" in name]
    assert "tests/book/browser/axe.min.js" not in scripts


def test_each_line_of_content_names_a_file() -> None:
    gone = [pattern for pattern in CONTENT if not tracked(pattern.removeprefix(":!"))]
    assert not gone
