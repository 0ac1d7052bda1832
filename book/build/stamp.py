"""Carries the repository's address, its owner and the package's version to every file that shows
them.

`_config.yml` holds address and authors, and `trlib/__init__.py` the version; everything else
is written from them by `python -m book.build.stamp`, and where there is no address yet nothing links
to one. What an owner has not filled in yet is said at the end.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
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
NOBODY = f"The authors of {NAME}"
"""Who stands in `_config.yml` until somebody does."""


def authors() -> list[str]:
    """Who wrote this copy of the book: `author` of `_config.yml`, names with commas between them."""
    return [name.strip() for name in str(config()["author"]).split(",")]


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


def citation(text: str, where: Address) -> str:
    """CITATION.cff: authors, version, its day and addresses."""
    names = "".join(f"  - name: {_quoted(name)}\n" for name in authors())
    text = re.sub(r"(?<=^authors:\n)(?: .*\n)*", lambda _: names, text, flags=re.MULTILINE)
    text = re.sub(r"^(?:date-released|repository-code|url): .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^version: .*$", f"version: {__version__}", text, flags=re.MULTILINE)
    day = released()
    lines = {
        "date-released": day and datetime.strptime(day, "%d %B %Y").date().isoformat(),
        "repository-code": where.repository,
        "url": where.pages,
    }
    return text + "".join(f'{key}: "{value}"\n' for key, value in lines.items() if value)


def project(text: str, where: Address) -> str:
    """pyproject.toml: the authors and the addresses that a package index and pip show."""
    people = ", ".join(f"{{ name = {_quoted(name)} }}" for name in authors())
    text = re.sub(r"^authors = .*$", lambda _: f"authors = [{people}]", text, flags=re.MULTILINE)
    lines = {
        "Repository": where.repository,
        "Documentation": where.pages,
        "Changelog": where.file("CHANGELOG.md"),
    }
    table = "".join(f'{key} = "{value}"\n' for key, value in lines.items() if value)
    return re.sub(
        r"(?<=^\[project\.urls\]\n)(?:\w+ = .*\n)*", lambda _: table, text, flags=re.MULTILINE
    )


def licence(text: str, where: Address) -> str:
    """LICENSE: whose copyright it is."""
    names = ", ".join(authors())
    return re.sub(
        r"^(Copyright \(c\) [\d-]+) .*$",
        lambda match: f"{match[1]} {names}",
        text,
        flags=re.MULTILINE,
    )


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


FILES: dict[str, Callable[[str, Address], str]] = {
    "README.md": readme,
    "CITATION.cff": citation,
    "pyproject.toml": project,
    "LICENSE": licence,
}
"""Files that show the address, the version or the authors, beside the notebooks."""


def stamped(path: Path, text: str, where: Address) -> str:
    """A file's text as it should be, with the addresses `where`."""
    if path.suffix == ".ipynb":
        return notebook(text, where, path.name)
    return FILES[path.name](text, where)


def files() -> list[Path]:
    """The files that are written."""
    return [*(ROOT / name for name in FILES), *sorted(NOTEBOOKS.glob("*.ipynb"))]


def differing(where: Address | None = None) -> dict[Path, str]:
    """Files that are not as they should be, with the text that they should have; with the addresses of
    `_config.yml`, unless others are named."""
    where = where or address(config())
    texts = {path: path.read_text(encoding="utf-8") for path in files()}
    wanted = {path: stamped(path, text, where) for path, text in texts.items()}
    return {path: text for path, text in wanted.items() if text != texts[path]}


def main() -> int:
    try:
        changed = differing()
    except ValueError as error:
        print(f"stamp: {error}", file=sys.stderr)
        return 2
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
        print(f"stamped: {path.relative_to(ROOT)}")
    known = {"author": authors() != [NOBODY], "repository": address(config()).repository}
    missing = [name for name, value in known.items() if not value]
    if missing:
        print(f"stamp: not filled in yet, so nothing shows it: {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
