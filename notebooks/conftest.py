"""`pytest --nbmake notebooks` runs every chapter to its end."""

from tools.nbmake_cells import pytest_runtest_call  # noqa: F401
