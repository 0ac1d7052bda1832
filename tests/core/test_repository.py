"""The repository as a whole: one address, exact pins, no large file. Lint, types and layers are
`make lint`."""

import subprocess
import tomllib

from book.build.paths import ROOT
from book.build.stamp import differing
from trlib import __version__


def test_the_address_and_the_version_agree_everywhere():
    assert [str(path.relative_to(ROOT)) for path in differing()] == [], (
        "run `python -m book.build.stamp`"
    )
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_no_reader_is_sent_to_an_unrelated_package():
    command = r"pip install (?:-\S+ )*['\"]?trlib\b"
    found = subprocess.run(
        ["git", "grep", "-IlP", command], cwd=ROOT, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (1, ""), (
        "git grep ends with 1 where it finds nothing"
    )


def test_no_file_names_a_folder_of_one_machine():
    folder = r"(/tmp|/work|/root|/home)/[a-z]"
    found = subprocess.run(
        ["git", "grep", "-IlE", folder], cwd=ROOT, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (1, "")


HOLES = {"torch": (2, 6), "filelock": (3, 20, 1)}
"""The first versions without a hole that what we read could use: CVE-2025-32434 (`torch.load` of a
file that is only weights runs code), and a lock that follows a symbolic link."""


def test_every_requirement_has_a_lower_bound_and_none_admits_a_known_hole():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = {}
    for requirement in project["dependencies"]:
        name, bound, version = requirement.partition(">=")
        assert bound, f"{requirement}: expected NAME>=VERSION"
        least[name] = tuple(map(int, version.split(".")))
    for name, version in HOLES.items():
        assert least[name] >= version
