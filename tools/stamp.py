"""Carries the repository's address and the package's version to every file that shows them.

`_config.yml` holds the address and `trlib/__init__.py` the version; everything else is written from
them, and where there is no address yet nothing links to one: `python -m tools.stamp` writes,
`python -m tools.stamp --check` only says what differs. `--repository https://github.com/ME/BOOK`
first writes the setting: that is all a fork needs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from tools.paths import ROOT, config
from trbook.address import NAME, Address, address

GUARD = """\
# On a hosted notebook: install the package this chapter was written for, with what its figures need.
# It leaves torch as it is.
from importlib.metadata import PackageNotFoundError, version

try:
    installed = version("{name}")
except PackageNotFoundError:
    installed = None
if installed != "{version}":
"""
FETCH = '    %pip install -q "{name}[notebook] @ {source}"'
BY_HAND = """\
    missing = ModuleNotFoundError(
        f"this chapter needs {name} {version}, and {{installed or 'nothing'}} is installed: "
        "in a copy of the book's repository run `pip install .[notebook]`, then restart "
        "(the package index has a `trlib` of somebody else's, which does not help)"
    )
    missing._render_traceback_ = lambda: [f"ModuleNotFoundError: {{missing}}"]
    raise missing"""
COLAB = re.compile(r"\n\n\[\*\*▶ Open in Colab\*\*\]\([^)]*\)(?=\n|$)")
TRIED = "05_grpo"
"""The chapter that the README sends to Colab."""


def version() -> str:
    """The package's version, read from its source."""
    match = re.search(
        r'^__version__ = "(.+)"$',
        (ROOT / "trlib/__init__.py").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert match is not None
    return match.group(1)


def install_cell(where: Address | None = None) -> str:
    """The first code cell of every notebook, tagged `install`: what a hosted notebook runs
    first."""
    where = address(config()) if where is None else where
    last = FETCH if where.source else BY_HAND
    return (GUARD + last).format(name=NAME, version=version(), source=where.source)


def notebook(text: str, where: Address, name: str) -> str:
    """A notebook with its install cell and, under the title, its link to Colab."""
    content = json.loads(text)
    for cell in content["cells"]:
        if "install" in cell["metadata"].get("tags", []):
            cell["source"] = install_cell(where).splitlines(keepends=True)
    title = content["cells"][0]
    whole = COLAB.sub("", "".join(title["source"]), count=1)
    link = where.colab(f"notebooks/{name}")
    if link:
        head, newline, rest = whole.partition("\n")
        whole = f"{head}\n\n[**▶ Open in Colab**]({link}){newline}{rest}"
    title["source"] = whole.splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def readme(text: str, where: Address) -> str:
    """The README: how to install, and the rows of its table that lead to the published book and to
    Colab."""
    install = (
        f'pip install "{NAME} @ {where.source}"'
        if where.source
        else "pip install .   # in this repository"
    )
    text = re.sub(
        r"(?<=^```\n)pip install .*$", lambda _: install, text, count=1, flags=re.MULTILINE
    )
    links = {
        "read it without installing anything": ("the published book", where.pages),
        "try a chapter without installing anything": (
            "GRPO in Colab",
            where.colab(f"notebooks/{TRIED}.ipynb"),
        ),
    }
    text = re.sub(rf"^\| (?:{'|'.join(links)}) \|.*\n", "", text, flags=re.MULTILINE)
    rows = "".join(
        f"| {wish} | [{name}]({link}) |\n" for wish, (name, link) in links.items() if link
    )
    return re.sub(r"^\| read the book \|.*\n", lambda row: row[0] + rows, text, flags=re.MULTILINE)


def citation(text: str, where: Address) -> str:
    """CITATION.cff: the version and the addresses."""
    text = re.sub(r"^(?:repository-code|url): .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^version: .*$", f"version: {version()}", text, flags=re.MULTILINE)
    lines = {"repository-code": where.repository, "url": where.pages}
    return text + "".join(f'{key}: "{value}"\n' for key, value in lines.items() if value)


def project(text: str, where: Address) -> str:
    """pyproject.toml: the addresses that a package index and pip show."""
    lines = {
        "Repository": where.repository,
        "Documentation": where.pages,
        "Changelog": where.file("CHANGELOG.md"),
    }
    table = "".join(f'{key} = "{value}"\n' for key, value in lines.items() if value)
    return re.sub(
        r"(?<=^\[project\.urls\]\n)(?:\w+ = .*\n)*", lambda _: table, text, flags=re.MULTILINE
    )


FILES: dict[str, Callable[[str, Address], str]] = {
    "README.md": readme,
    "CITATION.cff": citation,
    "pyproject.toml": project,
}


def stamped(path: Path, text: str, where: Address | None = None) -> str:
    """A file's text as it should be, with the addresses `where`: those of `_config.yml` unless they
    are named."""
    where = address(config()) if where is None else where
    if path.suffix == ".ipynb":
        return notebook(text, where, path.name)
    return FILES[path.name](text, where)


def files() -> list[Path]:
    """The files that show the address or the version."""
    return [*(ROOT / name for name in FILES), *sorted((ROOT / "notebooks").glob("*.ipynb"))]


def differing(where: Address | None = None) -> dict[Path, str]:
    """Files that are not as they should be, with the text that they should have."""
    texts = {path: path.read_text(encoding="utf-8") for path in files()}
    wanted = {path: stamped(path, text, where) for path, text in texts.items()}
    return {path: text for path, text in wanted.items() if text != texts[path]}


def setting(text: str, repository: str) -> str:
    """`_config.yml` with another address in its one place."""
    return re.sub(
        r"(?<=^repository:\n  url:).*$", f" {repository}", text, count=1, flags=re.MULTILINE
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Carry the repository's address and the version everywhere."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a place differs"
    )
    parser.add_argument(
        "--repository", metavar="URL", help="write this address into _config.yml first"
    )
    options = parser.parse_args()
    try:
        if options.repository is not None and not options.check:
            address({"repository": {"url": options.repository}})
            path = ROOT / "_config.yml"
            path.write_text(
                setting(path.read_text(encoding="utf-8"), options.repository), encoding="utf-8"
            )
        changed = differing()
    except ValueError as error:
        print(f"stamp: {error}", file=sys.stderr)
        return 2
    for path, text in changed.items():
        print(f"{'differs' if options.check else 'stamped'}: {path.relative_to(ROOT)}")
        if not options.check:
            path.write_text(text, encoding="utf-8")
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
