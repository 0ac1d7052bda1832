"""`make gpu`: what it records, what it says where there is no GPU, and the line that a page
prints."""

import nbformat
import pytest
import torch

from book.build import gpu
from book.build.execute import execute
from book.build.ext.execution import NEVER, on_a_gpu

CODE = "import time; time.sleep(0.75)"
CARD = {"gpu": "A card of a test", "memory": "16 GiB", "driver": "1.2", "cuda": "3.4"}


def chapter(path, code):
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_markdown_cell("# A"), nbformat.v4.new_code_cell(code)]
    nbformat.write(book, path)
    return path


@pytest.mark.nightly("executes three notebooks, each in a kernel of its own")
def test_a_record_holds_when_a_chapter_ran_and_how_long_it_took(tmp_path):
    good = chapter(tmp_path / "01_good.ipynb", CODE)
    bad = chapter(tmp_path / "02_bad.ipynb", "1 / 0")

    def run(
        path,
    ):  # on this machine: in `smoke`, which is what the entry then says
        return execute(path, profile="smoke")

    before = {"chapters": {"02_bad": {"minutes": 1, "text": ""}, "03_other": {"minutes": 2}}}
    kept = []
    failed = gpu.collect([good, bad], CARD, run, before, kept.append)
    record = kept[-1]
    assert len(kept) == 2
    assert list(record["chapters"]) == ["03_other", "01_good"], (
        "what failed has no entry, what was not asked for stays"
    )
    assert len(failed) == 1 and failed[0].startswith("02_bad.ipynb, cell 2: ZeroDivisionError")
    entry = record["chapters"]["01_good"]
    assert entry["profile"] == "smoke" and 0 < entry["minutes"] < 1 and entry["versions"]["torch"]
    assert {name: entry[name] for name in CARD} == CARD
    shown = on_a_gpu(entry, entry["text"])
    assert "beside A card of a test (16 GiB, driver 1.2, CUDA 3.4)" in shown
    assert "profile smoke" in shown and "other code" not in shown
    assert ", with other code than this page has now ·" in on_a_gpu(entry, "another")
    assert on_a_gpu(None, entry["text"]) == NEVER
    changed = run(chapter(good, CODE.replace("0.75", "0.85")))
    assert gpu.entry(changed)["text"] != entry["text"]


def test_without_a_gpu_it_says_so_and_touches_nothing(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("book.build.gpu.execute", lambda *_, **__: pytest.fail("nothing is run"))
    before = gpu.FILE.read_bytes()
    assert gpu.main() == 2
    assert "finds no GPU on this machine" in capsys.readouterr().err
    assert gpu.FILE.read_bytes() == before
