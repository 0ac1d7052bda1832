"""A sweep of four tiny cells as a file, its cells, and runs that stand for a record of the package."""

import pytest


@pytest.fixture
def tiny(tmp_path):
    """The file of a sweep of four tiny cells."""
    from tests.lab.records import TINY

    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path


@pytest.fixture
def four(tiny):
    """Its cells."""
    from trlab.cells import cells
    from trlab.sweep import load_sweep

    return cells(load_sweep(str(tiny)))


@pytest.fixture
def shipped(monkeypatch):
    """Makes these runs the record of a sweep of the package."""
    from tests.lab.records import STAMPS
    from trlab import record

    def put(sweep, runs, history):
        stamp = next(STAMPS)
        monkeypatch.setattr(record, "stamp", lambda name: stamp)
        monkeypatch.setattr(record, "read", lambda name: (sweep, runs, history))
        for module in ("record", "outcomes"):
            monkeypatch.setattr(f"trlab.{module}.is_recorded", lambda name: name == sweep.name)

    return put
