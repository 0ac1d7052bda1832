"""Carries the repository's address and the package's version into the README and the notebooks:
`python -m book.build.stamp`. `_config.yml` holds the address, `trlib/__init__.py` the version; where there
is no address, nothing links to one."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from book.build.paths import NOTEBOOKS, ROOT, config
from trbook.address import INTRODUCTION, NAME, Address, address
from trlib import __version__

INSTALL = """\
# @title Install the book where it is missing, as on Colab; torch stays as it is
from importlib.metadata import distributions

if not any(distributions(name="{name}")):
{how}"""
FROM_ADDRESS = """\
    %pip install -q "{name}[notebook] @ {source}"
"""
FROM_WHEEL = """\
    import re
    import shutil
    import tempfile
    from pathlib import Path

    found = Path().glob("{stem}-*.whl")
    wheels = sorted(found, key=lambda path: path.stat().st_mtime)
    if not wheels:
        raise FileNotFoundError(
            f"expected a wheel of this book in {{Path.cwd()}}, got none. Make it with "
            "`pip wheel --no-deps .` in a copy of the book's repository, upload "
            "{stem}-VERSION-py3-none-any.whl into this folder (on Colab: "
            "the folder on the left) and run this cell again. Do not `pip install "
            "trlib`: that is another project"
        )
    # Uploaded twice it is called "... (1).whl", and pip refuses such a name.
    wheel = Path(tempfile.mkdtemp(), re.sub(r" *\\(\\d+\\)", "", wheels[-1].name))
    shutil.copyfile(wheels[-1], wheel)
    %pip install -q "{{wheel}}[notebook]"
"""
"""What is installed while the book has no address: the newest wheel that a reader has uploaded."""
TRIED = "05_grpo"
"""The chapter that the README sends to Colab."""


def install_cell(where: Address | None = None) -> str:
    """The first code cell of every notebook, tagged `install`: what a hosted notebook runs
    first."""
    where = address(config()) if where is None else where
    how = (FROM_ADDRESS if where.source else FROM_WHEEL).format(
        name=NAME, source=where.source, stem=NAME.replace("-", "_")
    )
    return INSTALL.format(name=NAME, how=how).rstrip("\n")


def notebook(text: str, where: Address, name: str) -> str:
    """A notebook with its install cell, folded, and, under the title, what it is and where it lives."""
    content = nbformat.reads(text, as_version=4)
    for cell in content["cells"]:
        if "install" in cell["metadata"].get("tags", []):
            cell["source"] = install_cell(where)
            cell["metadata"] |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    title = content["cells"][0]
    head, newline, rest = INTRODUCTION.sub("", title["source"], count=1).partition("\n")
    introduction = where.introduction(name.removesuffix(".ipynb"))
    title["source"] = f"{head}\n\n{introduction}{newline}{rest}"
    return nbformat.writes(content) + "\n"


def readme(text: str, where: Address) -> str:
    """The README: its doors, which lead to the published book and to Colab, the last release, and how
    to clone and install."""
    read, run = where.pages or "book/index.md", where.colab(f"notebooks/{TRIED}.ipynb")
    use = f"{where.pages}book/interface/losses.html" if where.pages else "book/interface/losses.md"
    chapter = f"[Run a chapter on Colab]({run})" if run else "[Run a chapter](book/run.md)"
    install = (
        f'pip install "{NAME} @ {where.source}"'
        if where.source
        else "pip install .   # in this repository"
    )
    day = f" of {released()}" if released() else ", not released yet"
    for pattern, new in {
        r"^\*\*\[Read it\].*$": f"**[Read it]({read})** · **{chapter}** · **[Use a loss]({use})**",
        r"(?<=`git clone )\S+": where.repository or "ADDRESS",
        r"(?<=make book`)(?:, where ADDRESS [^.]*)?": ""
        if where.repository
        else ", where ADDRESS stands for the address of this repository",
        r"^\*\*Version \S+\*\*[^.]*": f"**Version {__version__}**{day}",
        r"(?<=^```\n)pip install .*$": install,
    }.items():
        text = re.sub(pattern, lambda _, new=new: new, text, count=1, flags=re.MULTILINE)  # type: ignore[misc]
    return text


def released() -> str:
    """The day on which this version was released, as the changelog's heading has it; empty: not yet."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    match = re.search(rf"^## {re.escape(__version__)} · (.+)$", text, re.MULTILINE)
    return match[1] if match else ""


def stamped(path: Path, text: str, where: Address) -> str:
    """A file's text as it should be, with the addresses `where`."""
    return notebook(text, where, path.name) if path.suffix == ".ipynb" else readme(text, where)


def differing(where: Address | None = None) -> dict[Path, str]:
    """Files that are not as they should be, with the text that they should have; with the addresses of
    `_config.yml`, unless others are named."""
    where = where or address(config())
    files = [ROOT / "README.md", *sorted(NOTEBOOKS.glob("*.ipynb"))]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    wanted = {path: stamped(path, text, where) for path, text in texts.items()}
    return {path: text for path, text in wanted.items() if text != texts[path]}


if __name__ == "__main__":
    for path, text in differing().items():
        path.write_text(text, encoding="utf-8")
        print(f"stamped: {path.relative_to(ROOT)}")
