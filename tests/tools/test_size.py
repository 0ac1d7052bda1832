"""The measure of the code: what counts as a token of it, and that every Python file of a part is
counted."""

from __future__ import annotations

from pathlib import Path

from tools.size import tokens


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
