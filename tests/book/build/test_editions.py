"""The link to the PDF: where there is one, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bookext.editions import EMPTY
from tools.release import editions


def test_pages_link_to_a_pdf_that_exists_and_to_no_other(tmp_path: Path, capsys: Any) -> None:
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
    (made / editions.PDF).write_text("pdf", encoding="utf-8")
    for _ in range(2):
        assert editions.main(options) == 0
        shown = page.read_text("utf-8")
        assert f'href="../{editions.PDF}"' in shown and "hidden" not in shown
        assert shown.endswith("<p>after</p>")
    assert (book / editions.PDF).read_text("utf-8") == "pdf"
    (made / editions.PDF).unlink()
    assert editions.main(options) == 0 and page.read_text("utf-8") == before
    assert not (book / editions.PDF).exists()
