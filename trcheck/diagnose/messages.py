"""Every sentence of a diagnosis, once: the terminal, the JSON and the report all read it here.

A sentence says how its values are written as well, `{share:.2g}` as Python does, `{share:percent}`
or `{count:tokens}`, and takes them where they are: `f` are the findings.
"""

from __future__ import annotations

import string
from typing import Any

from trcheck.diagnose.sentences import CAUSES, WORDS

TEXTS: dict[str, str] = {
    **WORDS,
    **{f"cause.{key}": evidence for key, (evidence, _) in CAUSES.items()},
    **{f"advice.{key}": advice for key, (_, advice) in CAUSES.items()},
    # -- why is my clip ratio 0?
    "policy.logp_old": "the learner before this batch's updates (logp_old)",
    "policy.logp_rollout": "the policy that sampled (logp_rollout)",
    "answer.clips": (
        "It is not 0 here: PPO's window {window} around {policy} clips {count:,} of {total:,} "
        "tokens, {share:percent}."
    ),
    "answer.no_advantage": (
        "Because every advantage is 0: no token has a gradient, so there is nothing to clip. "
        "All completions of a prompt have the same reward, or the advantages were lost on the way "
        "into this file."
    ),
    "answer.identical": (
        "Because every ratio is 1, {exact}: the policy that learns is still {policy}. With one "
        "update per batch it always is when the gradient is taken; there is no trust region until "
        "the data are older than the policy."
    ),
    "answer.exact": "to the last bit",
    "answer.rounding": "within rounding (the largest deviation is {largest:.1g})",
    "answer.inside": (
        "Because no ratio has left the window {window}: they lie from {low:.4g} to {high:.4g}. The "
        "updates so far have been too small for the clip to act."
    ),
    "answer.idle": "{tokens:tokens} {lie} outside the window {window}, but {they} no advantage, so "
    "no gradient acts there.",
    "answer.back": (
        "{tokens:tokens} {lie} outside the window {window}, but on the side where a clip does "
        "nothing: above it with A < 0 or below it with A > 0, where the update leads back{idle}."
    ),
    "answer.back_idle": " ({count:,} have no advantage)",
    "answer.one_update": (
        "If your trainer logs 0 all the time: it makes one update per batch (verl: "
        "ppo_mini_batch_size is train_batch_size and ppo_epochs is 1; TRL: num_iterations is 1 "
        "and steps_per_generation does not exceed gradient_accumulation_steps). If it makes "
        "several, this dump is from the first one: dump a later one."
    ),
    "answer.not_silenced": (
        "Of the tokens outside the window {count:,} {are} not clipped: the advantage is 0, or the "
        "update leads back and PPO's min takes the unclipped side."
    ),
    "answer.hundredth": (
        "The window is {window}; one in a hundred tokens would be clipped by a window from "
        "{low:.3g} to {high:.3g}."
    ),
    "answer.zero": (
        "With advantage 0: {count:,} of {total:,} tokens ({share:percent}). They have no "
        "gradient, so no clip can act on them, but they count in the denominator."
    ),
    "answer.no_old": (
        "The file has no logp_old, so the ratio is taken to the policy that sampled. A trainer "
        "that recomputes log-probs before its updates (TRL, and verl unless it bypasses that) "
        "takes it to the recomputed ones and sees less: the sampler's own deviation drops out."
    ),
    "answer.copied": (
        "logp_old and logp_rollout are equal to the last bit: the sampler is the learner, or one "
        "column was copied from the other and the sampler's own deviation was not recorded."
    ),
    "answer.anchor": (
        "The anchor decides what is seen: around {policy} the same window would clip {count:,} "
        "tokens, {share:percent}. The two anchors differ by up to a factor {factor:.3g}, which a "
        "ratio to {column} never shows."
    ),
    # -- the report
    "report.size": (
        "{f.source}: {f.completions:,} completions, {f.tokens:,} tokens (of {f.positions:,}); "
        "effective sample size {f.effective:percent} by token"
    ),
    "report.effect": "{e.name:<16} {e.silenced:>9,}  {e.share:7.2%}   around {e.anchor}",
    "figure.ratios": (
        "Histogram of the ratio of {f.tokens:,} tokens, both axes logarithmic. Nine in ten lie "
        "from {low:.3g} to {high:.3g}. PPO's window is the band from {window_low:.4g} to "
        "{window_high:.4g}; it clips {f.effects[0].silenced:,} tokens."
    ),
    "figure.axis": "ratio π/{anchor} (log scale)",
    "figure.caption": (
        "The ratio that PPO looks at: wide bars count what it keeps, narrow ones in front what it "
        "clips. Dashed lines bound the window; what lies beyond the axis is counted at its ends."
    ),
}


class _Sentence(string.Formatter):
    def format_field(self, value: Any, spec: str) -> str:
        if spec == "percent":
            return percent(value)
        if spec == "tokens":
            return f"{value:,} {'token' if value == 1 else 'tokens'}"
        return format(value, spec)


def percent(share: float) -> str:
    """A share with the digits that it needs: 12 %, 1.3 %, 0.04 %."""
    value = 100 * float(share)
    digits = 0 if value == 0 or value >= 10 else 1 if value >= 0.95 else 2
    return f"{value:.{digits}f} %" if value == 0 or value >= 0.005 else "under 0.01 %"


def say(key: str, **values: object) -> str:
    """The text of that name with its values in place, each written as the text asks for it."""
    return _Sentence().vformat(TEXTS[key], (), values)
