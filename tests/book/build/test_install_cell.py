"""A hosted notebook's first cell installs the package where it is missing, and does nothing where it
is there."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from IPython.core.interactiveshell import InteractiveShell

from book.build.stamp import install_cell
from tests.by_day import by_day
from trbook.address import Address
from trlib import __version__

THERE = Address("https://github.com/somebody/trust-region-book")
HERE = 'name="trust-region-book"'
WHEEL = f"trust_region_book-{__version__}-py3-none-any.whl"


def test_the_cell_does_nothing_where_the_package_is_there():
    for where in (THERE, Address()):
        code = re.sub(
            r"^    %pip.*$",
            "    raise AssertionError('it would install')",
            install_cell(where),
            flags=re.M,
        )
        exec(compile(code, "cell", "exec"), {})


def run(where=None):
    """What the cell asks of pip where the package is missing, and the error that it ends in."""
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    cell = install_cell(where or Address())
    assert HERE in cell
    done = shell.run_cell(cell.replace(HERE, 'name="a-book-that-is-not-there"'))
    return asked, done.error_in_exec


def test_where_the_book_has_an_address_it_is_installed_from_there():
    asked, error = run(THERE)
    assert error is None
    assert asked == [f'install -q "trust-region-book[notebook] @ {THERE.source}"']


def test_in_an_empty_folder_the_cell_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked, error = run()
    assert (asked, type(error)) == ([], FileNotFoundError)
    assert str(error) == (
        f"expected a wheel of this book in {tmp_path}, got none. Make it with `pip wheel --no-deps .` "
        "in a copy of the book's repository, upload trust_region_book-VERSION-py3-none-any.whl into "
        "this folder (on Colab: the folder on the left) and run this cell again. Do not `pip install "
        "trlib`: that is another project"
    )


def wheel(path, marker):
    """A wheel that pip accepts if its name is right."""
    info = f"trust_region_book-{__version__}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: trust-region-book\nVersion: {__version__}\n"
            f"Summary: {marker}\nProvides-Extra: notebook\n",
        )
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize(
    "again",
    by_day([" (1)", "(2)", ""], " (1)", later=["(2)", ""], reason="pip, a process for each"),
    ids=["chrome", "firefox", "once"],
)
def test_of_several_wheels_the_newest_is_installed(tmp_path, monkeypatch, again):
    """A wheel that was uploaded twice has a name that pip refuses."""
    monkeypatch.chdir(tmp_path)
    newest = WHEEL.replace(".whl", f"{again}.whl")
    for age, name in enumerate([newest, "trust_region_book-0.9-py3-none-any.whl", WHEEL]):
        if name != newest or age == 0:
            wheel(tmp_path / name, marker=name)
            os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    before = sorted(tmp_path.iterdir())
    asked, error = run()
    assert error is None
    (line,) = asked
    path, extra = re.fullmatch(r'install -q "(.*)\[(\w+)\]"', line).groups()
    assert (os.path.basename(path), extra) == (WHEEL, "notebook")
    with zipfile.ZipFile(path) as file:
        metadata = file.read(f"trust_region_book-{__version__}.dist-info/METADATA").decode()
    assert f"Summary: {newest}\n" in metadata
    assert sorted(tmp_path.iterdir()) == before
    command = ["-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--ignore-installed"]
    done = subprocess.run(
        [sys.executable, *command, f"{path}[{extra}]"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"Would install trust-region-book-{__version__}" in done.stdout
