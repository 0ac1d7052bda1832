"""A hosted notebook's first cell installs the package where it is missing, and does nothing where it
is there."""

import os
import re
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from book.build.stamp import install_cell
from trbook.address import Address

THERE = Address("https://github.com/somebody/trust-region-book")
HERE = 'name="trust-region-book"'


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


def test_of_several_wheels_the_newest_is_installed_by_a_name_that_pip_takes(tmp_path, monkeypatch):
    """A wheel that was uploaded twice has a name that pip refuses."""
    monkeypatch.chdir(tmp_path)
    newest, older = (f"trust_region_book-{name}.whl" for name in ("2-py3-none-any (1)", "1"))
    for day, name in enumerate((older, newest), 1):
        Path(name).write_text(name, encoding="utf-8")
        os.utime(name, (day, day))
    (line,), error = run()
    path = Path(re.fullmatch(r'install -q "(.*)\[notebook\]"', line)[1])
    assert error is None and path.name == "trust_region_book-2-py3-none-any.whl"
    assert path.read_text(encoding="utf-8") == newest
