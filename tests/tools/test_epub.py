"""The EPUB: XHTML that parses, formulas as MathML alone, links that lead to the file of their
target."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from tools import epub
from tools.epub import xhtml
from tools.pdf.pages import Part

BODY = """<section><h1>Clip</h1><p hidden>a<wbr>b <a href="#two--near">near</a> <a href="#nowhere">gone</a>
<a href="#two">all</a></p><label>click</label><span class="katex"><span class="katex-mathml"><math
xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mn>1</mn><mi>Var</mi></mfrac></math></span><span
class="katex-html">twice</span></span><svg viewBox="0 0 1 1"
style="color: var(--book-warm)"><defs><clipPath id="c"></clipPath></defs><use xlink:href="#c"></use><path></path></svg>
<table border="1"><tr><td data-label="x">1 &lt; 2 &amp; 3</td></tr></table>
<figure><img src="poster.svg"></figure></section>"""


def test_a_page_becomes_xhtml() -> None:
    body = BeautifulSoup(BODY, "html.parser").section
    assert body is not None
    text = xhtml(body, {"--book-warm": "#b3431f"})
    root = ElementTree.fromstring(epub.PAGE.format("Clip", text))
    assert 'viewBox="0 0 1 1"' in text and "<clipPath" in text and "#b3431f" in text
    assert not any(
        word in text
        for word in ("twice", "click", "wbr", "border", "data-label", "poster", "<path")
    )
    maths = "{http://www.w3.org/1998/Math/MathML}"
    fraction = root.find(f".//{maths}mfrac")
    assert fraction is not None and [child.tag for child in fraction] == [
        f"{maths}mn",
        f"{maths}mi",
    ]


def test_links_lead_to_the_file_of_their_target(tmp_path: Path) -> None:
    files = {
        "one": (
            "One",
            '<p><a href="#two--near">near</a> <a href="#nowhere">gone</a> <a '
            'href="#two">all</a></p>',
        ),
        "two": ("Two & more", '<p id="two--near">here<svg/></p>'),
    }
    made = epub.write(
        tmp_path / epub.NAME, [Part("Learn", {"one": "", "two": ""})], files, {"one-1.png": b"x"}
    )
    with zipfile.ZipFile(made) as zipped:
        assert (
            zipped.namelist()[0] == "mimetype"
            and zipped.infolist()[0].compress_type == zipfile.ZIP_STORED
        )
        texts = {
            name: zipped.read(name).decode()
            for name in zipped.namelist()
            if name.endswith(("xhtml", "opf"))
        }
    for text in texts.values():
        ElementTree.fromstring(text)
    assert (
        'href="two.xhtml#two--near"' in texts["one.xhtml"]
        and 'href="two.xhtml"' in texts["one.xhtml"]
    )
    assert "nowhere" not in texts["one.xhtml"]
    assert (
        'href="two.xhtml">Two &amp; more</a>' in texts["nav.xhtml"]
        and "<span>Learn</span>" in texts["nav.xhtml"]
    )
    assert (
        'id="two" href="two.xhtml" media-type="application/xhtml+xml" properties="svg"'
        in texts["book.opf"]
    )
    assert 'href="one-1.png" media-type="image/png"' in texts["book.opf"]


def test_what_cannot_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert epub.main(["--folder", str(tmp_path)]) == 1
    assert "no book here; `make html` builds the book" in capsys.readouterr().err
