"""A method by its name or from a reader's file."""

import pytest

from tests.losses import refused
from trlib.methods import method_kind

D = "@dataclass(frozen=True, kw_only=True)\n"


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("class Mine(PPO):\n    most: int = 3", "most"),
        ("class Mine(PPO):\n    eps_high: float = 0.5", "eps_high"),
        ("class Mine(PPO):\n    eps_high = 0.5\n    most: int = 3", "eps_high, most"),
        (D + "class Mine(PPO):\n    eps_high = 0.5", "eps_high"),
        (D + "class Base(PPO):\n    most: int = 3\nclass Mine(Base):\n    most = 4", "most"),
    ],
)
def test_a_setting_that_python_would_ignore_is_refused_when_the_method_is_named_or_made(
    code, lost, tmp_path
):
    code = f"from dataclasses import dataclass\nfrom trlib.algorithms import PPO\n{code}\n"
    (tmp_path / "mine.py").write_text(code)
    message = rf"Mine: expected @dataclass\(frozen=True, kw_only=True\) .* it would ignore {lost}$"
    refused(f"TypeError: {message}", method_kind, f"{tmp_path / 'mine.py'}:Mine")
    names = {"__name__": __name__}
    exec(code, names)
    for settings in ({}, {"most": 5}):
        refused(f"TypeError: {message}", names["Mine"], **settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nowhere.py:Mine",
            "method: expected FILE.py:NAME, got .*nowhere.py:Mine', and .*nowhere.py' is not a file",
        ),
        ("empty.py:Mine", "method: expected a method in .*empty.py', got a file that defines none"),
        (
            "near.py:Mien",
            "a method in .*near.py': expected one of Mine, got 'Mien'; did you mean 'Mine'",
        ),
        ("broken.py:Mine", "broken.py: ZeroDivisionError: division by zero"),
        ("near.py", r"method: expected FILE.py:NAME, got .*near.py'; NAME is the method in it"),
    ],
)
def test_a_file_without_the_class(text, message, tmp_path):
    (tmp_path / "empty.py").write_text("from trlib.algorithms import PPO\nx = 1\n")
    (tmp_path / "near.py").write_text(
        "from trlib.algorithms import PPO\nclass Mine(PPO):\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("1 / 0\n")
    refused(message, method_kind, f"{tmp_path / text}")


def test_files_of_one_name_in_two_folders_keep_to_their_own_neighbours(tmp_path):
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "mine.py").write_text(
            "from dataclasses import dataclass\nfrom beside import N\nfrom trlib.algorithms "
            "import PPO\n\n"
            f"{D}class Mine(PPO):\n    most: int = N\n"
        )
        (tmp_path / str(n) / "beside.py").write_text(f"N = {n}\n")
    kinds = [method_kind(f"{tmp_path / str(n) / 'mine.py'}:Mine") for n in (1, 2, 1)]
    assert [kind().most for kind in kinds] == [1, 2, 1]
