"""The ten methods with thresholds that narrow, whichever way each one's number goes."""

from dataclasses import replace

from trlab.sweeps._ten import TEN

NARROW = {"a third": {"threshold": 1 / 3}, "a tenth": {"threshold": 0.1}}
WIDE = {"a third": {"threshold": 3.0}, "a tenth": {"threshold": 10.0}}
"""SAPO's temperatures and PSPO's share are narrower where they are larger."""
NARROWER = tuple(
    replace(variant, instead={"narrow": WIDE}) if variant.name in ("sapo", "pspo") else variant for variant in TEN
)
