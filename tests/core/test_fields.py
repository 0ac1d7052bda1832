"""A dataclass's docstrings, written once and shown by the function that takes its fields."""

import inspect
from dataclasses import dataclass

from trlib.fields import documents


@dataclass
class Tea:
    minutes: int = 3
    """How long it draws.

    Longer is stronger, up to a point; green leaves want less, and hard water makes all of them
    dull, whatever the self-declared experts say."""
    sugar: bool = False
    """Whether it is sweet."""


@documents(Tea)
def brew(leaves, *, minutes=3, sugar=False):
    """Make tea.

    Args:
        leaves: what to take.
        ...: every other argument is a field of `Tea`, which says
            what it means.

    Raises ValueError: no water."""


@documents(Tea)
def stir():
    """Nothing to add."""


def test_the_fields_take_the_place_of_the_line_that_stands_for_them():
    assert inspect.getdoc(brew) == (
        "Make tea.\n"
        "\n"
        "Args:\n"
        "    leaves: what to take.\n"
        "    minutes: How long it draws. Longer is stronger, up to a point; green leaves want less,"
        " and\n"
        "        hard water makes all of them dull, whatever the self-declared experts say.\n"
        "    sugar: Whether it is sweet.\n"
        "\n"
        "Raises ValueError: no water."
    )


def test_a_docstring_without_such_a_line_and_a_missing_one_stay_as_they_are():
    assert inspect.getdoc(stir) == "Nothing to add."

    def bare():
        pass

    assert documents(Tea)(bare).__doc__ is None
