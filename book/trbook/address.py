"""Where the repository and the published book are, read from the one setting `repository: url` in
`_config.yml`.

Every address of the book follows from it: the links and buttons of its pages, the install cells,
README, CITATION.cff and pyproject.toml. As long as the setting is empty, or still names the
placeholder OWNER, each of them is empty, and code that would show an address shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = "OWNER"
"""The owner that stands in `_config.yml` until there is one."""
FORM = re.compile(r"https://(?P<host>[\w.-]+)/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/*")
NAME = "trust-region-book"
"""The distribution: what pip calls the package, wherever its repository is."""
TITLE = "Trust Regions for Language Models"
INTRODUCTION = re.compile(
    rf"\n\n(?:\[\*\*▶ Open in Colab\*\*\]\([^)]*\) · )?\*[Aa] page of \[{TITLE}\][^\n]*"
)
"""The paragraph under a notebook's title that `Address.introduction` writes."""


@dataclass(frozen=True)
class Address:
    """The addresses of one copy of the book. Each is empty where there is none."""

    repository: str = ""
    """`https://HOST/OWNER/NAME`, without a slash at the end."""
    branch: str = "main"

    @property
    def pages(self) -> str:
        """The published book, with a slash at the end: GitHub Pages. Other hosts have no rule to go
        by."""
        if not self._at_github():
            return ""
        owner, name = self.repository.split("/")[-2:]
        host = f"https://{owner.lower()}.github.io/"
        return host if name.lower() == f"{owner.lower()}.github.io" else f"{host}{name}/"

    @property
    def source(self) -> str:
        """What pip installs from: `git+https://...@main`."""
        return f"git+{self.repository}@{self.branch}" if self.repository else ""

    def colab(self, path: str) -> str:
        """A notebook of the repository in Colab, which opens notebooks from GitHub only."""
        if not self._at_github():
            return ""
        owner, name = self.repository.split("/")[-2:]
        return f"https://colab.research.google.com/github/{owner}/{name}/blob/{self.branch}/{path}"

    def introduction(self, name: str) -> str:
        """What a notebook says under its title to whoever meets it outside of the book, in Markdown.

        Args:
            name: of the notebook, without its suffix.
        """
        link = self.colab(f"notebooks/{name}.ipynb")
        if link:
            page = f"{self.pages}notebooks/{name}.html"
            return (
                f"[**▶ Open in Colab**]({link}) · *a page of [{TITLE}]({page}), a book that runs, "
                f"and [its repository]({self.repository})*"
            )
        book, how = self.repository or "../README.md", self.file("book/run.md") or "../book/run.md"
        return (
            f"*A page of [{TITLE}]({book}), a book that runs. "
            f"[How to run this page]({how}), here or on Colab.*"
        )

    def file(self, path: str) -> str:
        """A file of the repository, as its host shows it."""
        return f"{self.repository}/blob/{self.branch}/{path}" if self.repository else ""

    def _at_github(self) -> bool:
        return self.repository.startswith("https://github.com/")


def address(settings: Mapping[str, Any]) -> Address:
    """The addresses that follow from the settings in `_config.yml`.

    Args:
        settings: the file's content. Of `repository` it reads `url`, with or without a slash or
            `.git` at its end, and `branch`, `main` unless it is set.

    Raises:
        ValueError: the setting is neither empty nor an address of the form
            `https://HOST/OWNER/NAME`.
    """
    repository = settings.get("repository") or {}
    url, branch = str(repository.get("url") or "").strip(), str(repository.get("branch") or "main")
    if not url:
        return Address(branch=branch)
    parts = FORM.fullmatch(url)
    if parts is None:
        raise ValueError(
            "_config.yml: repository: url: expected https://HOST/OWNER/NAME or nothing, got "
            f"{url!r}"
        )
    if parts["owner"] == PLACEHOLDER:
        return Address(branch=branch)
    return Address(f"https://{parts['host']}/{parts['owner']}/{parts['name']}", branch)
