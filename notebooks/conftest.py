"""`pytest --nbmake notebooks` runs every chapter to its end."""

from tools.cells import pytest_runtest_call  # noqa: F401
