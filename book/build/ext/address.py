"""The pages' addresses, from the one setting `repository: url` in `_config.yml` (`trbook.address`).

Without an address no page sends a reader to a place that does not exist: the theme's buttons to the
repository and to Colab are left out, and no page claims a canonical address.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.config import Config

from trbook.address import Address, address
from trlib import __version__

BUTTONS = (
    "use_repository_button",
    "use_issues_button",
    "use_edit_page_button",
    "use_source_button",
)
HOSTS = ("github", "gitlab", "bitbucket")
"""Hosts whose addresses of a file and of its issues the theme knows; with another it would end the
build."""


def of(config: Config) -> Address:
    """The addresses that Jupyter Book has passed on to the theme."""
    options = config.html_theme_options
    repository = {"url": options.get("repository_url"), "branch": options.get("repository_branch")}
    return address({"repository": repository})


def settle(app: Sphinx, config: Config) -> None:
    """Gives Sphinx and the theme the book's addresses; without one, takes away the buttons that
    would need it."""
    ours, options = of(config), config.html_theme_options
    shown = any(host in ours.repository for host in HOSTS)
    # Without a slash: the theme appends `/issues` to it.
    options["repository_url"] = ours.repository if shown else ""
    config.html_baseurl = config.html_baseurl or ours.pages
    options["extra_footer"] = f"{options.get('extra_footer', '')} {edition(ours)}".strip()
    if not shown:
        options.update(dict.fromkeys(BUTTONS, False))
    if not ours.colab(""):
        options["launch_buttons"] = {}


def edition(ours: Address) -> str:
    """Which version of the book a page belongs to, and the way to what has changed since."""
    changes = ours.file("CHANGELOG.md")
    link = f' (<a href="{changes}">what has changed</a>)' if changes else ""
    return f'<span class="edition">Version {__version__}{link}.</span>'


def connect(app: Sphinx) -> None:
    app.connect("config-inited", settle, priority=900)
