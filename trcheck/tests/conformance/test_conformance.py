"""The runner: what agrees is said to agree, and every seeded deviation is found and named."""

import json
import math
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from trcheck.conformance import calls, functions, vectors
from trcheck.conformance.report import Finding, judge, lines
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import ppo_loss
from trlib.errors import TrlibError

BOOK = Path(__file__).parents[3] / "book" / "check" / "conformance.md"
V = vectors.load()


def clip(logp, logp_old, advantages, mask):
    """GRPO's everyday loss, as people write it."""
    ratio = (logp - logp_old).exp()
    loss = -torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def finding_of(function, loss, how="token-mean", **options):
    settings = V.losses[loss]["settings"]
    return judge(
        V,
        "mine",
        loss,
        calls.observe(V, calls.plain(function, settings=settings, loss=loss, **options)),
        how,
    )


def test_what_nothing_explains_is_said():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: ((logp - logp_old) ** 3 * advantages * mask).sum(),
        "ppo",
    )
    assert finding.status == "differs" and finding.deviations == ()
    assert (
        "agrees in none of 11 batches; none of " in finding.words and "definitions" in finding.words
    )
    partly = finding_of(
        lambda logp, logp_old, advantages, mask: clip(
            logp.clamp(max=-1e-8), logp_old.clamp(min=-9.0), advantages, mask
        ),
        "ppo",
    )
    assert "of 11 batches, not in rare tokens, extreme ratios" in partly.words


def test_float32_is_compared_as_such():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: clip(
            logp.float(), logp_old.float(), advantages.float(), mask
        ),
        "ppo",
    )
    assert (finding.status, finding.notes) == ("agrees", ("computes in float32",))


def boom(*_, **__):
    raise RuntimeError("boom\nand a long story")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (boom, "raises RuntimeError (boom) in 'on-policy' and in 10 more"),
        (
            lambda logp, **_: 1.0,
            "returns float; expected a tensor, or a tuple that begins with one in 'on-policy'",
        ),
        (lambda logp, **_: torch.tensor(3), "returns torch.int64; expected a floating type"),
        (lambda logp, **_: logp.detach().sum(), "carries no gradient to the current log-probs"),
        (lambda logp, **_: logp.sum(-1), "returns shape [4]; expected a scalar or [B, T] = [4, 6]"),
        (lambda logp, **_: (logp * math.nan).sum(), "returns NaN"),
        (lambda logp, **_: (logp - logp.detach()).sqrt().sum(), "has a gradient of inf"),
    ],
)
def test_a_function_that_fails_is_reported(function, words):
    finding = finding_of(function, "ppo")
    assert finding.status == "fails" and words in finding.words and "\n" not in finding.words


def test_a_function_that_fails_here_and_there_is_explained_elsewhere():
    def fragile(logp, logp_old, advantages, mask):
        if (logp - logp_old).abs().max() > 20:
            raise OverflowError("too far")
        return -clip(logp, logp_old, advantages, mask)

    finding = finding_of(fragile, "ppo")
    assert finding.status == "fails" and [d.point for d in finding.deviations] == ["sign"]
    assert "raises OverflowError (too far) in 'extreme ratios'" in finding.words


def test_a_batch_with_nothing_unmasked_is_a_note():
    def bare(logp, logp_old, advantages, mask):
        return clip(logp, logp_old, advantages, mask) * mask.sum().clamp(min=1) / mask.sum()

    finding = finding_of(bare, "ppo")
    assert (finding.status, finding.words) == ("agrees", "returns NaN where nothing is unmasked")


def test_a_plain_function_is_called_by_name_by_place_and_with_settings():
    def by_place(a, b, c, d):
        return clip(a, b, c, d)

    def with_settings(logp, logp_old, *, advantages, mask, eps_low, eps_high=9.0):
        return ppo_loss(
            logp, logp_old, advantages=advantages, mask=mask, eps_low=eps_low, eps_high=eps_high
        )

    assert finding_of(by_place, "ppo").status == finding_of(with_settings, "ppo").status == "agrees"
    assert finding_of(with_settings, "ppo", given={"eps_high": 0.3}).deviations[0].point == "window"
    with pytest.raises(TypeError, match="function: expected a callable with a signature"):
        calls.plain(3)


def verls(
    old_log_prob, log_prob, advantages, response_mask, loss_agg_mode, config, rollout_is_weights
):
    """PPO with verl's signature, the threshold where verl has it; aggregates as it is asked or
    not."""
    found = ppo_loss(
        log_prob,
        old_log_prob,
        advantages=advantages,
        mask=response_mask,
        eps_low=config.clip_ratio_low,
        eps_high=config["clip_ratio_high"] if isinstance(config, dict) else config.clip_ratio_high,
    )
    return aggregate(found.per_token, response_mask, loss_agg_mode, horizon=8), {
        "metric": config.get("clip_ratio_c")
    }


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_verls_signature(how):
    settings = V.losses["ppo_clip_higher"]["settings"]
    observed = calls.observe(V, calls.verl(verls, settings=settings, how=how))
    assert judge(V, "verls", "ppo_clip_higher", observed, how).words == ""
    deaf = calls.verl(
        lambda *a, **k: verls(**{**k, "loss_agg_mode": "token-mean"}), settings=settings, how=how
    )
    found = judge(V, "verls", "ppo_clip_higher", calls.observe(V, deaf), how)
    assert [d.point for d in found.deviations] == ([] if how == "token-mean" else ["aggregation"])


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    yield write
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


def test_an_address_is_found_from_the_working_folder(module):
    name = module(
        "found_here", "class Losses:\n    @staticmethod\n    def clip(logp, mask): return -logp"
    )
    assert functions.resolve(f"{name}:Losses.clip")(2.0, None) == -2.0


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        (":name", ValueError, "expected package.module:name"),
        ("module:", ValueError, "expected package.module:name"),
        ("no.such.module:f", ValueError, "function: no module named 'no'"),
        ("trlib.algorithms:ppo_loss.inner", ValueError, "has no 'inner'"),
        (
            "trlib.aggregation:AGGREGATIONS",
            TypeError,
            "expected something that can be called .*, got tuple",
        ),
        (
            "breaks_on_import:f",
            TrlibError,
            "importing 'breaks_on_import' fails: ZeroDivisionError: division by zero",
        ),
        (
            "needs_another:f",
            TrlibError,
            "importing 'needs_another' fails: No module named 'not_there_at_all'",
        ),
    ],
)
def test_bad_addresses_are_named(module, address, error, words):
    module("breaks_on_import", "1 / 0")
    module("needs_another", "import not_there_at_all")
    with pytest.raises(error, match=words):
        functions.resolve(address)


def test_a_finding_survives_json_and_is_one_line():
    finding = finding_of(clip, "ppo", anchor="rollout")
    assert [d.point for d in finding.deviations] == ["anchor"] and finding.seen == ("two anchors",)
    assert json.loads(json.dumps(finding.as_dict()))["deviations"][0]["point"] == "anchor"
    printed = lines([finding, Finding("short", "short", "agrees")])
    assert printed[0].startswith("mine as ppo  differs  takes the ratio to the policy that sampled")
    assert printed[1] == "short        agrees"


def test_a_function_that_writes_into_its_batch_spoils_nothing():
    def careless(logp, logp_old, advantages, mask):
        advantages *= mask
        return clip(logp, logp_old, advantages, mask)

    before = {key: value.clone() for key, value in V.batches["near"].items()}
    finding = finding_of(careless, "ppo")
    assert finding.status == "differs" and [d.point for d in finding.deviations] == ["input"]
    assert "writes into its inputs (advantages)" in finding.words
    assert all(torch.equal(before[key], value) for key, value in V.batches["near"].items())
