"""`pytest --nbmake notebooks` runs every notebook to its end, in the profile `smoke` where TRLIB_PROFILE
names none, and without the solutions of exercises: `tests/book/test_exercises.py` runs each by itself
and reads its verdict. A comparison that `trlab/comparisons.json` lacks fails its cell."""

import os
from functools import partial

import pytest
from nbmake import nb_run

from trlab.comparison import NOTED, REFUSE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRLIB_PROFILE", os.environ.get("TRLIB_PROFILE") or "smoke")
        patch.setenv(NOTED, os.environ.get(NOTED) or REFUSE)
        without = partial(nb_run.NotebookClient, skip_cells_with_tag="solution")
        patch.setattr(nb_run, "NotebookClient", without)
        return (yield)
