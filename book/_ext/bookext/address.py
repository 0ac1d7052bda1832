"""Where the book is published, from the one setting `repository: url` in `_config.yml`.

The setting stands at a placeholder until the repository has an owner. Until then a page must not send a reader to an
address that does not exist: the theme's buttons to the repository and to Colab are left out, links in the text become
words, and no page claims a canonical address.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

PLACEHOLDER = "OWNER"
"""The owner that stands in `_config.yml` until there is one."""
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button", "use_source_button")
TO_NOWHERE = re.compile(rf"^https://(?:github\.com|colab\.research\.google\.com/github)/{PLACEHOLDER}/")


def site(repository: str) -> str:
    """The address of the published book, by the repository's: GitHub Pages. Empty for the placeholder."""
    parts = urlsplit(repository)
    owner, _, name = parts.path.strip("/").partition("/")
    if parts.netloc != "github.com" or not name or owner == PLACEHOLDER:
        return ""
    return f"https://{owner.lower()}.github.io/{name}/"


def is_known(config: Config) -> bool:
    """Whether the repository has an owner, so that links to it lead somewhere."""
    return not TO_NOWHERE.match(f"{config.html_theme_options.get('repository_url', '')}/")


def settle(app: Sphinx, config: Config) -> None:
    """Gives Sphinx the book's address; without one, takes the buttons away that would need it."""
    options = config.html_theme_options
    if is_known(config):
        config.html_baseurl = config.html_baseurl or site(options.get("repository_url", ""))
        return
    options.update(dict.fromkeys(BUTTONS, False), launch_buttons={})


def unlink(app: Sphinx, doctree: nodes.document) -> None:
    """Leaves the words of links that would lead to the placeholder."""
    for link in list(doctree.findall(nodes.reference)):
        if TO_NOWHERE.match(link.get("refuri", "")):
            link.replace_self(nodes.inline("", "", *link.children))


def connect(app: Sphinx) -> None:
    app.connect("config-inited", settle, priority=900)
    app.connect("doctree-read", unlink, priority=900)
