"""Links to the PDFs and the EPUB: to what exists, and to nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bookext.editions import EMPTY
from tools.release import editions


def test_pages_link_to_the_editions_that_exist_and_to_no_other(tmp_path: Path, capsys: Any) -> None:
    book, made, page = tmp_path / "html", tmp_path / "made", tmp_path / "html/book/index.html"
    page.parent.mkdir(parents=True)
    made.mkdir()
    page.write_text(f"<p>before</p>{EMPTY}<p>after</p>", encoding="utf-8")
    options = ["--folder", str(book), "--made", str(made)]
    assert editions.main(options) == 1
    assert "no book here; `make html` builds it" in capsys.readouterr().err
    (book / "index.html").write_text("", encoding="utf-8")
    before = page.read_text("utf-8")
    assert editions.main(options) == 0 and page.read_text("utf-8") == before
    assert "nothing links to one" in capsys.readouterr().out
    (made / "trust-region-book-a4.pdf").write_text("pdf", encoding="utf-8")
    (made / "trust-region-book.epub").write_text("epub", encoding="utf-8")
    whole = ["../trust-region-book-a4.pdf", "../trust-region-book.epub"]
    for _ in range(2):
        assert editions.main(options) == 0
        shown = page.read_text("utf-8")
        assert re.findall('href="([^"]+)"', shown) == whole
        assert "hidden" not in shown and shown.endswith("<p>after</p>")
    assert (book / "trust-region-book.epub").read_text("utf-8") == "epub"
    for link in whole:
        (made / link[3:]).unlink()
    assert editions.main(options) == 0 and page.read_text("utf-8") == before
    assert not (book / "trust-region-book.epub").exists()
