"""The annex comes off: a copy of the repository without it installs, builds and passes its gate."""

import subprocess

import pytest

from book.build.ext.annex import LINK
from book.build.paths import ANNEX, ANNEXED, ROOT


@pytest.mark.nightly("installs, builds and tests a copy of the repository")
@pytest.mark.skipif(not ANNEXED, reason="this copy has none")
def test_a_copy_without_the_annex_builds_and_passes_the_gate(tmp_path):
    def run(*command):
        subprocess.run(command, cwd=tmp_path, check=True)

    run("git", "clone", "-q", str(ROOT), ".")
    run("git", "rm", "-rq", *ANNEX)
    run("git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "Without the annex")
    run("make", "html")
    run("make", "test")


@pytest.mark.parametrize(
    ("link", "left"),
    [
        ("[*put* it in](check/diagnose.md#the-verdict), then", "*put* it in, then"),
        ("[here](../book/check/atlas.md)", "here"),
        ("[a](../check/settings.md) [b](glossary.md)", "a [b](glossary.md)"),
    ],
)
def test_of_a_link_into_it_the_words_stay(link, left):
    assert LINK.sub(r"\1", link) == left
