"""A diagnosis of anybody's rollouts: `diagnose(read("rollouts.parquet"))`, and `page` of what it
found."""

from __future__ import annotations

from trcheck.diagnose.baseline import measured
from trcheck.diagnose.dump import dump
from trcheck.diagnose.effects import Limits
from trcheck.diagnose.findings import Findings
from trcheck.diagnose.judgement import Judgement, Measured, Memory, judge
from trcheck.diagnose.page import GENERATOR, page, text
from trcheck.diagnose.report import diagnose
from trcheck.diagnose.rollouts import Rollouts, read
from trcheck.diagnose.sample import Cause

__all__ = [
    "GENERATOR",
    "Cause",
    "Findings",
    "Judgement",
    "Limits",
    "Measured",
    "Memory",
    "Rollouts",
    "diagnose",
    "dump",
    "judge",
    "measured",
    "page",
    "read",
    "text",
]
