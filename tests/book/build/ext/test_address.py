"""One setting holds the repository's address: set, everything follows it; unset, nothing links to a
placeholder."""

import re
from types import SimpleNamespace

import pytest

from book.build.ext.address import BUTTONS, settle
from book.build.paths import NOTEBOOKS, ROOT
from book.build.stamp import stamped
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


@pytest.mark.parametrize("path", [ROOT / "README.md", NOTEBOOKS / "05_grpo.ipynb"], ids=str)
def test_a_file_follows_the_setting_and_comes_back_from_it(path):
    """A fork's owner and name, then no address: what a file shows is the setting's, or nothing."""
    before = path.read_text(encoding="utf-8")
    forked = stamped(path, before, of(f"{FORK}/"))
    assert FORK in forked and "ADDRESS" not in forked and not FOREIGN.search(forked)
    assert stamped(path, forked, of("")) == before
