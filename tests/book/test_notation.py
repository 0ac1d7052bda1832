"""One letter, one meaning on a page: the table of Greek letters has a row for each that a page
uses."""

import json
import re

import pytest

from book.build.paths import NOTEBOOKS, ROOT

PAGE = (ROOT / "book/notation.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \$\\(rho|lambda|alpha|sigma)\$ \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
LETTERS = ("rho", "lambda", "alpha", "sigma")


def formulas(name):
    """What stands between dollars on a page's text cells."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return "\n".join(re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.DOTALL))


@pytest.mark.style
@pytest.mark.parametrize("letter", LETTERS)
def test_the_table_has_the_pages_that_use_a_letter(letter):
    using = {
        path.stem
        for path in NOTEBOOKS.glob("*.ipynb")
        if re.search(rf"\\{letter}(?![a-z])", formulas(path.stem))
    }
    assert using == {page for greek, page, _ in ROWS if greek == letter}
