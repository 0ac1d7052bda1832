"""The repository as a whole: one address, exact pins, no large file. Lint, types and layers are
`make lint`."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch

from book.build.paths import ROOT
from book.build.stamp import differing
from trlib import __version__

SIZE = 1_500_000


def tracked():
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


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


def test_no_file_is_large():
    assert [str(path) for path in tracked() if path.stat().st_size > SIZE] == []


REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-peers.txt")


def test_requirements_are_exact_and_torch_comes_first():
    """The book's stand in one file; tests add theirs, peers theirs, and none stands twice."""
    files = [(ROOT / name).read_text(encoding="utf-8").splitlines() for name in REQUIREMENTS]
    book, dev, peers = (
        [line for line in lines if line and not line.startswith("#")] for lines in files
    )
    assert book[0].startswith("torch==")
    assert [dev.pop(0), peers.pop(0)] == ["-r requirements.txt", "-r requirements-dev.txt"]
    pins = [*book, *dev, *peers]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", pin)] == []
    names = [pin.partition("==")[0].lower() for pin in pins]
    assert len(set(names)) == len(names)


def test_what_the_repository_says_about_its_files_is_there():
    """A pattern of .gitattributes matches something; a file that a checklist or a folder's README names exists."""
    files = [str(path.relative_to(ROOT)) for path in tracked()]
    lines = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    patterns = [line.split()[0] for line in lines if line and not line.startswith("#")]
    unmatched = [p for p in patterns if not any(fnmatch(f, p.replace("**", "*")) for f in files)]
    assert unmatched == []
    gone = {}
    for page in [ROOT / ".github/PULL_REQUEST_TEMPLATE.md", *ROOT.glob("*/README.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = re.findall(r"`([\w./-]+\.(?:md|py|json|mjs|toml|c))`", text)
        lost = [
            n
            for n in named
            if "NAME" not in n
            and not any(f"/{f}".endswith(f"/{n.removeprefix('../')}") for f in files)
        ]
        if lost:
            gone[str(page.relative_to(ROOT))] = lost
    assert gone == {}


def test_each_licence_is_a_file_that_holds_nothing_else():
    """A detector compares a whole file with the text of a licence."""
    mit, prose = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("LICENSE", "LICENSE-CC-BY-4.0")
    )
    assert mit.startswith("MIT License\n\nCopyright (c) ")
    assert mit.endswith(
        "OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE\nSOFTWARE.\n"
    )
    assert mit.count("\n") == 21
    assert prose.startswith("Attribution 4.0 International\n")
    assert prose.endswith("Creative Commons may be contacted at creativecommons.org.\n")


def test_the_text_for_a_package_index_has_no_link_that_is_dead_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = project["readme"]["text"]
    assert project["license"] == "MIT AND CC-BY-4.0"
    assert [link for link in re.findall(r"\]\(([^)]*)\)", text) if "://" not in link] == []
    assert "<img" not in text
    assert "import trlib" in text


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


def test_what_the_wheel_is_said_to_hold_is_there():
    """A pattern that matches nothing once left out the file by which a type checker trusts `trlib`."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    held = tool["setuptools"]["package-data"]
    files = set(tracked())
    unmatched = [
        f"{package}: {pattern}"
        for package, patterns in held.items()
        for pattern in patterns
        if not any(
            path in files
            for folder in (ROOT, ROOT / "book")
            for path in (folder / package).glob(pattern)
        )
    ]
    assert unmatched == []


def test_a_test_that_a_file_names_is_there():
    found = subprocess.run(
        ["git", "grep", "-IohE", r"\btest_[a-z_0-9]+\.(py|mjs)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert {*found.stdout.split()} - {path.name for path in tracked()} == set()
