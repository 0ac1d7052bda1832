"""What the instruments say of a bad argument: a row for each, with the words."""

from functools import partial
from pathlib import Path

import pytest
import torch

from tests.losses import refused
from trcheck.benchmark.faults import flat
from trcheck.conformance import calls, functions
from trcheck.conformance.aggregations import coefficients
from trcheck.diagnose import dump, read
from trcheck.diagnose.live import judge_batch
from trcheck.tests.diagnose.dumps import padded
from trcheck.tests.diagnose.test_files import export, record
from trcheck.watch import Watch

ONES, MASK = torch.ones(2, 3), torch.ones(2, 3) > 0
GOOD = {"logp": -ONES, "logp_rollout": -ONES, "advantage": torch.ones(2), "mask": ONES}
EXPORTED = "prime-rl's token export"
BATCH = padded(flat(3, 64, "temperature 0.7"))


def exported(**fields):
    read(export(Path.cwd(), record(), record(**fields)))


def dumped(**given):
    dump("x.parquet", **GOOD | given)


SAID = [
    ("mask: expected 3 values for every completion", dumped, {"mask": torch.ones(2, 2)}),
    *((f"advantage: expected 2 completions, got {n}", dumped, {"advantage": torch.ones(n)}) for n in (1, 3)),
    *(
        (words, call, wrong)
        for call in (dumped,)
        for wrong, words in (
            ({"logprobs": "cooked"}, "logprobs: expected one of 'raw', 'processed', got 'cooked'"),
            ({"temperature": 0.0}, "temperature: expected a number above 0"),
            ({"top_p": 1.01}, "top_p: expected a number above 0 and at most 1"),
        )
    ),
    (f".*line 2: schema_version: expected 1 of {EXPORTED}, got 2", exported, {"schema_version": 2}),
    *(
        (f".*line 2: loss_mask: expected 5 values, as many as in token_ids, got {n}", exported, {"loss_mask": [True] * n})
        for n in (6,)
    ),
    ("mask: expected True for at least one token", partial(judge_batch, **BATCH | {"mask": BATCH["mask"] * 0}), {"group": [0] * 66}),
    ("TypeError: function: expected a callable with a signature", partial(calls.plain, 3), {}),
    *(
        (f"{kind}.*{words}", partial(functions.resolve, address), {})
        for address, kind, words in (
            (":name", "", "expected package.module:name"),
            ("trlib.algorithms:ppo_loss.inner", "", "has no 'inner'"),
            ("trlib.aggregation:AGGREGATIONS", "TypeError: ", "expected something that can be called .*, got tuple"),
        )
    ),
    ("how: expected one of token-mean, .*, got 'mean'", partial(coefficients, "mean", MASK, 8.0), {}),
    *((f"{name}: expected a whole number of at least 1, got 0", Watch, {name: 0}) for name in ("every", "tokens")),
    (".*against: expected a dump that exists, or the name of a", Watch, {"against": Path("none.parquet")}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_the_instruments_say_of_a_bad_argument(words, call, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(words, call, **given)
