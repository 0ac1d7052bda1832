"""A diagnosis of anybody's rollouts: `diagnose(read("rollouts.parquet"))`, and `page` of what it
found."""

from __future__ import annotations

from trlab.diagnose.cause import Cause
from trlab.diagnose.causes import Judgement, Memory, judge
from trlab.diagnose.dump import dump, from_run
from trlab.diagnose.effects import Limits
from trlab.diagnose.findings import Findings
from trlab.diagnose.page import GENERATOR, page
from trlab.diagnose.report import diagnose
from trlab.diagnose.rollouts import Rollouts, read

__all__ = [
    "GENERATOR",
    "Cause",
    "Findings",
    "Judgement",
    "Limits",
    "Memory",
    "Rollouts",
    "diagnose",
    "dump",
    "from_run",
    "judge",
    "page",
    "read",
]
