"""A tiny sweep, as the laboratory's tests have it."""

from tests.lab.conftest import four, tiny  # noqa: F401  (fixtures)
