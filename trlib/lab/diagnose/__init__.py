"""A diagnosis of anybody's rollouts: `diagnose(read("rollouts.parquet"))`, and `page` of what it found."""

from __future__ import annotations

from trlib.lab.diagnose.dump import dump, from_run
from trlib.lab.diagnose.effects import Limits
from trlib.lab.diagnose.page import GENERATOR, page
from trlib.lab.diagnose.report import Findings, diagnose
from trlib.lab.diagnose.rollouts import Rollouts, read

__all__ = ["GENERATOR", "Findings", "Limits", "Rollouts", "diagnose", "dump", "from_run", "page", "read"]
