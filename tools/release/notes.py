"""Whether a tag is a release, and what is new in it: `python -m tools.release.notes v0.2.0` prints
the changelog's section.

A tag is `v` and the package's version, `trlib.__version__`, and CHANGELOG.md has a section of that
name. The release workflow asks this first and goes no further otherwise. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")


class NoRelease(ValueError):
    """The tag cannot be released; the message says why."""


def notes(tag: str, version: str, changelog: str) -> str:
    """What the changelog says of the version that a tag names.

    Args:
        tag: the tag's name.
        version: the package's version.
        changelog: the text of CHANGELOG.md, whose sections begin `## 0.2.0` or
            `## 0.2.0 · 2027-01-31`.

    Raises:
        NoRelease: the tag is no version, not this package's, or the changelog says nothing about
            it.
    """
    match = VERSION.fullmatch(tag)
    if match is None:
        raise NoRelease(f"expected a tag such as v{version}, got {tag!r}, which is not a version")
    if match[1] != version:
        raise NoRelease(
            f"the tag is {tag}, but trlib.__version__ is {version!r}: set it and run `python -m "
            "tools.stamp`"
        )
    for section in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        if re.match(re.escape(version) + r"(?![\w.])", heading) and text.strip():
            return text.strip() + "\n"
    raise NoRelease(
        f"CHANGELOG.md has no section `## {version}`: rename *Unreleased* and begin a new one"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Check a release's tag and print what is new in it."
    )
    parser.add_argument("tag", help="v0.2.0")
    tag = parser.parse_args().tag
    source = (ROOT / "trlib/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert version is not None
    try:
        print(notes(tag, version[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")), end="")
    except NoRelease as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
