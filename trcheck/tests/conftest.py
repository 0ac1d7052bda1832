"""What the house's tests share, for the annex's too: `pytest trcheck/tests` alone finds it here."""

from tests.conftest import (  # noqa: F401  (fixtures)
    _ctrl_c,
    _one_thread,
    ask,
    chromium,
    policy,
    press_until,
    serving,
    small_model,
    sources,
    task,
    until,
)
