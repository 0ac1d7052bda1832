"""`pytest --nbmake notebooks` runs every notebook to its end, in the profile `smoke` where TRLIB_PROFILE
names none, and without the solutions of exercises: `tests/book/exercises/test_exercises.py` runs each by itself
and reads its verdict."""

import os
from functools import partial

import pytest
from nbmake import nb_run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRLIB_PROFILE", os.environ.get("TRLIB_PROFILE") or "smoke")
        without = partial(nb_run.NotebookClient, skip_cells_with_tag="solution")
        patch.setattr(nb_run, "NotebookClient", without)
        return (yield)
