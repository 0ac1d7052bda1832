"""A library that is missing fails the tests, in one line that says how to install it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).with_name("conftest.py")


@pytest.mark.parametrize(
    ("module", "command"),
    [
        (
            "verl.trainer.ppo.core_algos",
            "pip install --no-deps --ignore-requires-python verl==0.9.1",
        ),
        ("trl", "pip install trl==1.16.0"),
        ("torchrl.objectives.llm", "pip install torchrl==0.14.1"),
        ("sb3_contrib.common.utils", "pip install sb3-contrib==2.9.2"),
    ],
)
def test_what_is_missing_is_a_failure_that_says_how(monkeypatch, module, command):
    spec = importlib.util.spec_from_file_location("parity_conftest", PATH)
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    package = module.split(".")[0]
    for name in [
        name for name in sys.modules if name.split(".")[0] == package
    ]:  # other tests may have imported it
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    with pytest.raises(pytest.fail.Exception, match=re.escape(command)) as caught:
        conftest.needed(module)
    assert "\n" not in str(caught.value) and package in str(caught.value)
