"""The package that the built book offers beside its notebooks."""

import zipfile
from types import SimpleNamespace

from book.build.ext import wheel
from trlib import __version__


def app(out, **config):
    return SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        config=SimpleNamespace(**{"first_pages": [], **config}),
        outdir=out,
    )


def test_the_package_lies_beside_the_notebooks_and_their_pages_offer_it(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "trust_region_book-0.1-py3-none-any.whl").touch()
    book = app(tmp_path)
    downloads = {"label": "download-buttons", "buttons": []}
    context = {"header_buttons": [downloads], "pathto": lambda name, _: f"../{name}"}
    wheel.offer(book, "notebooks/05_grpo", "page.html", context, None)
    wheel.finish(book, None)
    (made,) = folder.iterdir()
    assert [button["url"] for button in downloads["buttons"]] == [f"../notebooks/{made.name}"]
    assert __version__ in made.name
    with zipfile.ZipFile(made) as package:
        names = package.namelist()
    assert "trlib/__init__.py" in names and not [name for name in names if "/tests/" in name]
