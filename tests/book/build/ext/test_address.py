"""One setting holds the repository's address: set, everything follows it; unset, nothing links to a
placeholder."""

import json
import re
import tomllib
from datetime import date
from types import SimpleNamespace

import pytest
import yaml

from book.build import stamp
from book.build.ext.address import BUTTONS, settle
from book.build.paths import ROOT
from book.build.stamp import citation, differing, licence, project, stamped
from trbook.address import PLACEHOLDER, address
from trlib import __version__

FORK = "https://github.com/Some-Body/my-book"
FOREIGN = re.compile(
    r"colab\.research\.google\.com/github/(?!Some-Body/my-book/)|\bOWNER/|git\+https://(?!github\.com/Some-)"
)
UNSET = [
    None,
    "",
    "  ",
    f"https://github.com/{PLACEHOLDER}/trust-region-book",
    f"https://github.com/{PLACEHOLDER}/trust-region-book/",
]


def of(url, branch="main"):
    return address({"repository": {"url": url, "branch": branch}})


@pytest.mark.parametrize("url", UNSET)
def test_without_an_owner_there_is_no_address_at_all(url):
    nowhere = of(url)
    assert not any(
        [
            nowhere.repository,
            nowhere.pages,
            nowhere.source,
            nowhere.colab("a.ipynb"),
            nowhere.file("a"),
        ]
    )
    assert address({}) == nowhere


@pytest.mark.parametrize("url", [FORK, f"{FORK}/", f"{FORK}//", f" {FORK}.git "])
def test_however_it_is_written_the_addresses_are_the_same(url):
    there = of(url, "book")
    assert there.repository == FORK
    assert there.pages == "https://some-body.github.io/my-book/"
    assert there.source == f"git+{FORK}@book"
    assert (
        there.colab("n/a.ipynb")
        == "https://colab.research.google.com/github/Some-Body/my-book/blob/book/n/a.ipynb"
    )
    assert there.file("CHANGELOG.md") == f"{FORK}/blob/book/CHANGELOG.md"


def theme(url):
    options = dict.fromkeys(BUTTONS, True) | {
        "launch_buttons": {"colab_url": "https://colab.research.google.com"}
    }
    ours = SimpleNamespace(
        html_baseurl="",
        html_theme_options={**options, "repository_url": url, "repository_branch": "main"},
    )
    settle(None, ours)
    return ours


def test_the_pages_have_buttons_and_a_canonical_address_only_where_they_lead_somewhere():
    for url in filter(None, UNSET):
        nowhere = theme(url)
        assert nowhere.html_baseurl == nowhere.html_theme_options["repository_url"] == ""
        assert nowhere.html_theme_options["launch_buttons"] == {}
        assert not any(nowhere.html_theme_options[button] for button in BUTTONS)
    fork = theme(f"{FORK}/")
    assert fork.html_baseurl == "https://some-body.github.io/my-book/"
    assert fork.html_theme_options["repository_url"] == FORK, "the theme appends /issues"
    assert (
        all(fork.html_theme_options[button] for button in BUTTONS)
        and fork.html_theme_options["launch_buttons"]
    )
    assert f"Version {__version__}" in nowhere.html_theme_options["extra_footer"]
    assert "href" not in nowhere.html_theme_options["extra_footer"]
    assert f'href="{FORK}/blob/main/CHANGELOG.md"' in fork.html_theme_options["extra_footer"]
    gitlab = theme("https://gitlab.com/me/my-book").html_theme_options
    assert gitlab["use_repository_button"] and not gitlab["launch_buttons"]
    unknown = theme("https://git.example.org/me/my-book").html_theme_options
    assert not unknown["use_repository_button"] and unknown["repository_url"] == "", (
        "the theme refuses such a host"
    )


def test_every_file_follows_the_setting_and_comes_back_from_it():
    """A fork's owner and name, then no address: what a file shows is the setting's, or nothing."""
    theirs, none = of(f"{FORK}/"), of("")
    showing = [path for path in stamp.files() if path.name != "LICENSE"]
    for path in showing:
        name, before = path.name, path.read_text(encoding="utf-8")
        forked = stamped(path, before, theirs)
        assert FORK in forked and "ADDRESS" not in forked and not FOREIGN.search(forked), name
        unset = stamped(path, forked, none)
        assert FORK not in unset and PLACEHOLDER not in unset and "colab.research" not in unset, (
            name
        )
        assert stamped(path, unset, theirs) == forked and stamped(path, before, none) == unset, name
    project = ROOT / "pyproject.toml"
    assert tomllib.loads(stamped(project, project.read_text(encoding="utf-8"), theirs))["project"][
        "urls"
    ] == {
        "Repository": FORK,
        "Documentation": "https://some-body.github.io/my-book/",
        "Changelog": f"{FORK}/blob/main/CHANGELOG.md",
    }
    chapter = next(path for path in showing if path.name == "05_grpo.ipynb")
    cells = json.loads(stamped(chapter, chapter.read_text(encoding="utf-8"), theirs))["cells"]
    assert f"blob/main/notebooks/{chapter.name})" in cells[0]["source"][2]
    assert (
        f'pip install -q "trust-region-book[notebook] @ git+{FORK}@main"' in cells[1]["source"][-1]
    )
    assert len(differing(theirs)) == len(showing)


def test_authors_stand_in_one_place_and_are_carried_on(monkeypatch):
    monkeypatch.setattr(stamp, "authors", lambda: ["Ada L", 'Bo "B" Ö'])
    none = of("")
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("CITATION.cff", "pyproject.toml", "LICENSE")
    }
    names = [{"name": "Ada L"}, {"name": 'Bo "B" Ö'}]
    cited = yaml.safe_load(citation(texts["CITATION.cff"], none))
    assert cited["authors"] == names
    day = date.fromisoformat(cited["date-released"])
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {__version__} · {day.day} {day:%B %Y}\n" in changelog
    packaged = tomllib.loads(project(texts["pyproject.toml"], none))
    assert packaged["project"]["authors"] == names
    assert 'Copyright (c) 2026 Ada L, Bo "B" Ö\n' in licence(texts["LICENSE"], none)
