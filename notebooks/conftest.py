"""`pytest --nbmake notebooks` runs every chapter to its end."""

from book.build.nbmake_cells import pytest_runtest_call  # noqa: F401
