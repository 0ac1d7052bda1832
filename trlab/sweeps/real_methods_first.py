"""The first run of each arm of `real_methods`, in words: what SmolLM2 writes while six methods train
all of its weights.

A card that was lent had time for one seed. Twenty runs decide nothing, so nothing is predicted here;
the declared sweep, with other seeds, asks the questions. It began as seed 7300 of `real_methods`,
and its runs carry that sweep's settings to the last one.
"""

from dataclasses import replace

from trlab.sweep import load_sweep

METHODS = load_sweep("real_methods")

SWEEP = replace(
    METHODS,
    title="six methods, one run each",
    text="What does SmolLM2 make of a batch that six methods use once and eight times?",
    seeds=(7300,),
    provenance="One run each, four at a time on one GPU: to be read, and to say where a difference "
    "may be large. Declared after it ran (at 03dcc4a34556+changes), as seed 7300 of another sweep, "
    "`real_methods`.",
    predictions=(),
)
