"""A run that is killed at any moment is finished as if nothing had been."""

from tests.core.loop import kills


def test_runs_killed_at_random_moments_end_as_if_nothing_had_been(tmp_path):
    killed = list(kills.kills(3, seed=0, folder=tmp_path))
    assert [kill.differs for kill in killed] == ["", "", ""] and len(
        {kill.case for kill in killed}
    ) == 3
    assert {name for kill in killed for name in kill.signals} == {"SIGKILL", "SIGTERM"}
