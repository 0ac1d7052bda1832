"""Attributes that are others for a while."""

from types import SimpleNamespace

import pytest

from trlib.replaced import replaced


class Kettle:
    heat = 20

    def __init__(self):
        self.litres = 1


def test_attributes_come_back_own_ones_and_those_of_the_class():
    kettle = Kettle()
    with pytest.raises(KeyError), replaced(kettle, heat=100, litres=2):
        assert (kettle.heat, kettle.litres, Kettle.heat) == (100, 2, 20)
        raise KeyError
    assert vars(kettle) == {"litres": 1} and kettle.heat == 20


def test_a_name_that_is_gone_is_an_error_and_nothing_is_replaced():
    owner = SimpleNamespace(a=1)
    with pytest.raises(AttributeError, match="'b'"), replaced(owner, a=2, b=3):
        pass
    assert vars(owner) == {"a": 1}
