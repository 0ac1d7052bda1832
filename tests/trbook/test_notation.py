"""One letter, one meaning on a page: the table of Greek letters has a row for each that a page
uses."""

from __future__ import annotations

import json
import re

import pytest

from tools.paths import NOTEBOOKS, ROOT

PAGE = (ROOT / "book/notation.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \$\\(rho|lambda|alpha|sigma)\$ \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
LETTERS = ("rho", "lambda", "alpha", "sigma")


def formulas(name: str) -> str:
    """What stands between dollars on a page's text cells."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return "\n".join(re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.DOTALL))


@pytest.mark.parametrize("letter", LETTERS)
def test_the_table_has_the_pages_that_use_a_letter(letter: str) -> None:
    using = {
        path.stem
        for path in NOTEBOOKS.glob("*.ipynb")
        if re.search(rf"\\{letter}(?![a-z])", formulas(path.stem))
    }
    assert using == {page for greek, page, _ in ROWS if greek == letter}


def test_a_page_has_one_row_for_a_letter() -> None:
    places = [(letter, page) for letter, page, _ in ROWS]
    assert len(places) == len(set(places)) >= 30 and all(meaning.strip() for *_, meaning in ROWS)


@pytest.mark.style
def test_the_surrogate_has_one_letter() -> None:
    """S(π) rises, and L is a loss: nothing that is called a surrogate is written with L."""
    for path in (*NOTEBOOKS.glob("*.ipynb"), *(ROOT / "book").glob("*.md")):
        assert r"L(\\pi)" not in path.read_text(encoding="utf-8"), path.name
        assert path.suffix == ".ipynb" or r"L(\pi)" not in path.read_text(encoding="utf-8"), (
            path.name
        )


@pytest.mark.style
def test_the_sigmoid_has_one_letter() -> None:
    assert r"$\sigma(\cdot)$ with an argument is the sigmoid" in PAGE and r"$s(\cdot)$" not in PAGE


@pytest.mark.style
def test_a_clamp_bounds_a_weight_and_a_clip_silences() -> None:
    """The words of book/names.md: CISPO clamps; and a token is silenced where a completion is
    dropped."""
    for path in (*NOTEBOOKS.glob("*.ipynb"), *(ROOT / "book").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"clips the weight|clip drops|token is dropped", text), path.name
