"""Carries the repository's address and the package's version to every place that shows them.

`_config.yml` holds the address and `trlib/__init__.py` the version; everything else is written from them:
`python -m tools.stamp` writes, `python -m tools.stamp --check` only says what differs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from tools.paths import ROOT, config

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/trust-region-book\b")
PAGES = re.compile(r"https://[\w.-]+\.github\.io/trust-region-book\b")
HOSTED = re.compile(r"https://colab\.research\.google\.com/github/[\w.-]+/trust-region-book/blob/[\w.-]+")
TEXTS = ("README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml", "book", "notebooks", ".github")
INSTALL = '''\
# On a hosted notebook: install the package this chapter was written for, with what its figures need.
# It leaves torch as it is.
from importlib.metadata import PackageNotFoundError, version

try:
    installed = version("trust-region-book")
except PackageNotFoundError:
    installed = None
if installed != "{version}":
    %pip install -q "trust-region-book[notebook] @ git+{address}@{branch}"'''
"""The first code cell of every notebook, tagged `install`."""


def version() -> str:
    """The package's version, read from its source."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "trlib/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found.group(1)


def install_cell() -> str:
    """What a hosted notebook runs first."""
    repository = config()["repository"]
    return INSTALL.format(version=version(), address=repository["url"], branch=repository["branch"])


def stamped(path: Path, text: str) -> str:
    """A file's text as it should be."""
    repository = config()["repository"]
    address, branch = repository["url"], repository["branch"]
    owner, name = address.rstrip("/").split("/")[-2:]
    text = HOSTED.sub(f"https://colab.research.google.com/github/{owner}/{name}/blob/{branch}", text)
    text = PAGES.sub(f"https://{owner}.github.io/{name}", text)
    text = ADDRESS.sub(address, text)
    if path.name == "CITATION.cff":
        text = re.sub(r"^version: .*$", f"version: {version()}", text, flags=re.MULTILINE)
    if path.suffix == ".ipynb":
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if "install" in cell["metadata"].get("tags", []):
                cell["source"] = install_cell().splitlines(keepends=True)
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return text


def files() -> list[Path]:
    """Tracked text files that may show the address or the version."""
    command = ["git", "grep", "--files-with-matches", "-z", "-I", "-e", "", "--", *TEXTS]  # -I: no binary files
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith("book/_static/")]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def differing() -> dict[Path, str]:
    """Files that are not as they should be, with the text that they should have."""
    found = {}
    for path in files():
        text = path.read_text(encoding="utf-8")
        wanted = stamped(path, text)
        if wanted != text:
            found[path] = wanted
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Carry the repository's address and the version everywhere.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a place differs")
    given = parser.parse_args()
    changed = differing()
    for path, text in changed.items():
        print(f"{'differs' if given.check else 'stamped'}: {path.relative_to(ROOT)}")
        if not given.check:
            path.write_text(text, encoding="utf-8")
    return 1 if changed and given.check else 0


if __name__ == "__main__":
    sys.exit(main())
