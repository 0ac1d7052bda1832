"""One page counts the libraries whose losses were compared: the atlas."""

import re

import pytest

from book.build.paths import ANNEXED, ROOT
from tests.core.test_code_host import tracked

COUNTED = ROOT / "book" / "check" / "atlas.md"
NUMBERS = {10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen"}
SAID = re.compile(rf"\b({'|'.join(NUMBERS.values())}) libraries\b", re.IGNORECASE)


@pytest.mark.skipif(not ANNEXED, reason="a copy without the annex has no atlas")
def test_the_atlas_alone_counts_the_libraries_and_counts_them_right():
    text = COUNTED.read_text(encoding="utf-8")
    libraries = set(re.findall(r"^\| ([A-Za-z][\w.-]*) `", text, re.MULTILINE))
    assert [NUMBERS[len(libraries)]] == [word.lower() for word in SAID.findall(text)]
    others = [ROOT / name for name in tracked() if name.endswith((".md", ".ipynb"))]
    named = {str(path.relative_to(ROOT)) for path in others if SAID.search(path.read_text("utf-8"))}
    assert named == {"book/check/atlas.md"}
