"""A dataclass's docstrings, written once and shown by the function that takes its fields."""

import inspect
from dataclasses import dataclass

from tests.losses import refused
from trlib.fields import documents, takes_fields


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


@documents(Tea)
@takes_fields(Tea)
def pour(pot, cup, guest, tea):
    """Pour.

    Args:
        ...: every other argument is a field."""
    return pot, cup, guest, tea


def test_a_function_takes_the_fields_of_a_dataclass_by_name():
    assert (
        str(inspect.signature(pour))
        == "(pot, cup, guest, *, minutes: int = 3, sugar: bool = False)"
    )
    assert pour(1, 2, 3) == (1, 2, 3, Tea())
    assert pour(1, guest=3, cup=2, sugar=True) == (1, 2, 3, Tea(sugar=True))
    assert "minutes: How long it draws." in inspect.getdoc(pour)
    refused("TypeError: pour: missing a required argument: 'guest'", pour, 1, 2, sugar=True)
    refused("TypeError: pour: too many positional arguments", pour, 1, 2, 3, Tea())
