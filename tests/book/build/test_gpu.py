"""`make gpu`: what it records, and what it says where there is no GPU."""

import json

import nbformat
import pytest
import torch

from book.build import gpu
from book.build.execute import KEY, NotebookFailed, text_of

CARD = {"gpu": "A card of a test", "memory": "16 GiB", "cuda": "3.4"}


def test_what_runs_larger_is_recorded_once_and_what_fails_has_no_record(tmp_path, monkeypatch):
    codes = {"01_good": "size(gpu=2)", "02_bad": "size(gpu=3)", "03_small": "size()"}
    for name, code in codes.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        nbformat.write(book, tmp_path / f"{name}.ipynb")
    ran = []

    def execute(path, *, profile):
        ran.append(path.stem)
        if path.stem == "02_bad":
            raise NotebookFailed("it fails")
        notebook = nbformat.read(path, as_version=4)
        notebook["metadata"][KEY] = {"profile": profile, "text": text_of(notebook)}
        return notebook

    file = tmp_path / "record.json"
    file.write_text(json.dumps({"chapters": {"02_bad": {"text": "old"}}}))
    monkeypatch.setattr(gpu, "FILE", file)
    monkeypatch.setattr(gpu, "card", lambda: CARD)
    monkeypatch.setattr(gpu, "chapters", lambda: sorted(tmp_path.glob("*.ipynb")))
    monkeypatch.setattr(gpu, "execute", execute)
    assert gpu.main() == gpu.main() == 1
    assert ran == ["01_good", "02_bad", "02_bad"]
    (kept,) = json.loads(file.read_text())["chapters"].items()
    assert kept[0] == "01_good" and kept[1].items() > {**CARD, "profile": "gpu"}.items()


def test_without_a_gpu_it_says_so_and_touches_nothing(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("book.build.gpu.execute", lambda *_, **__: pytest.fail("nothing is run"))
    before = gpu.FILE.read_bytes()
    assert gpu.main() == 2
    assert "finds no GPU on this machine" in capsys.readouterr().err
    assert gpu.FILE.read_bytes() == before
