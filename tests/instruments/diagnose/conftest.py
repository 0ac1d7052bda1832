"""A browser, as the book's tests have it."""

from tests.book.browser.conftest import (  # noqa: F401  (fixtures)
    chromium,
    press_until,
    serving,
    until,
)
