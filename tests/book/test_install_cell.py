"""A hosted notebook's first cell installs the package where it is missing, and does nothing where it
is there."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from book.build.stamp import install_cell
from trbook.address import Address

THERE = Address("https://github.com/somebody/trust-region-book")


def test_the_cell_does_nothing_where_the_package_is_there():
    for where in (THERE, Address()):
        code = re.sub(
            r"^    %pip.*$",
            "    raise AssertionError('it would install')",
            install_cell(where),
            flags=re.M,
        )
        exec(compile(code, "cell", "exec"), {})


@pytest.mark.parametrize("where", [THERE, Address()])
def test_without_the_package_the_first_cell_installs_it(where):
    """As on a hosted notebook: from its address, or from the wheel that was uploaded."""
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    missing = 'name="a-book-that-is-not-there"'
    shell.run_cell(install_cell(where).replace('name="trust-region-book"', missing))
    (line,) = asked
    assert (where.source or "trust_region_book-*.whl") in line and " trlib" not in line
