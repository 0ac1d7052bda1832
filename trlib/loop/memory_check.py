"""Whether a run fits into memory, estimated before it begins: a long horizon is what most often
does not."""

from dataclasses import replace

from trlib import checks
from trlib.algorithms.needs import Needs
from trlib.errors import warn
from trlib.loop.probe import computed_again, rows_at_once
from trlib.loop.settings import FilledSettings
from trlib.model.memory import free
from trlib.model.policy import Policy

FLOAT = 4  #: Bytes of a float32, in which log-probs and gradients are computed.
SCORING = 3
"""How many times their size distributions take while they are computed: as logits, as log-probs,
and picked for each token."""
OF_TWO, OF_ONE = 9, 4
"""How many times the size of the policy's distributions a loss takes that compares them with the
anchor's, and one that does not: TROLL with every token outside, and CAPO, as measured."""


def peak(policy: Policy, settings: FilledSettings, needs: Needs) -> int:
    """Bytes that a batch takes at its largest, besides the weights, if every completion reaches the
    token limit.

    What learns has a gradient, AdamW's two moments and, where it is of 16 bits, a copy that learns
    for it, in float32. An update keeps, for each token of the rows that are scored at a time, about
    16 hidden and 5 MLP widths per layer and three rows of the vocabulary (logits, log-probs, their
    gradient). Sampling keeps keys and values, twice while they grow. Whole distributions are kept
    for the probe, unless they are so large that they are computed again, a few completions at a
    time, after the updates; and for all rows if the method asks for them: a loss of them takes
    several times their size. What learns is copied for a reference, and for such a probe. A Llama
    of two layers and 65 thousand tokens takes 1.2 GB as measured, 1.1 as estimated."""
    config, s = policy.model.config.get_text_config(), settings
    hidden, layers, vocabulary = config.hidden_size, config.num_hidden_layers, policy.vocabulary
    mlp = getattr(config, "intermediate_size", None) or 4 * hidden
    heads = config.num_attention_heads
    head_width = getattr(config, "head_dim", None) or hidden // heads
    keys = (getattr(config, "num_key_value_heads", None) or heads) * head_width
    width = next(policy.model.parameters()).element_size()
    learning = sum(
        p.numel() * (4 if p.dtype in checks.COARSE else 3) * FLOAT for p in policy.parameters
    )
    rows = s.prompts * s.group
    at_once = min(rows // s.minibatches, s.at_once or rows)
    update = (
        at_once * s.max_tokens * (layers * (16 * hidden + 5 * mlp) * width + 3 * vocabulary * FLOAT)
    )
    sampling = 2 * rows * s.max_tokens * layers * 2 * keys * width
    of_one_row, policies = s.max_tokens * vocabulary * FLOAT, 3 if needs.reference else 2
    again = computed_again(s, needs, vocabulary)
    copies = int(needs.reference) + int(again and s.lag == 0 and s.sampler == "fp32")
    learning += copies * sum(p.numel() * p.element_size() for p in policy.parameters)
    probed = rows_at_once(s.max_tokens, vocabulary) if again else min(s.probe, rows)
    held = 0 if again else probed * of_one_row
    # When the probe is looked at, the updates are over.
    looked_at = (SCORING + policies - 1) * probed * of_one_row - held
    whole = rows if needs.full_anchor else 0
    whole += rows // s.minibatches * (OF_TWO if needs.full_anchor else OF_ONE) * needs.full
    return learning + held + max(update, sampling, looked_at) + whole * of_one_row


def warn_if_short(policy: Policy, settings: FilledSettings, needs: Needs) -> None:
    """Warn if a batch would not fit into the memory that is free now.
    Raises ValueError: the completions would not even if each had one token."""
    needed, available = peak(policy, settings, needs), free(policy.device)
    if available is None or needed <= available:
        return
    rows, short = (
        settings.prompts * settings.group,
        replace(settings, max_tokens=1, at_once=1, probe=0),
    )
    alone = replace(short, prompts=1, group=1, minibatches=1)
    least = peak(policy, short, needs) - peak(policy, alone, needs)
    if least > available:
        raise ValueError(
            f"prompts: expected a batch that fits into memory, got prompts x group = {rows:,} "
            f"completions, which take {least / 1e9:,.1f} GB even with one token each, and "
            f"{available / 1e9:.1f} GB are free on {policy.device}; lower prompts or group"
        )
    scored = settings.at_once or settings.prompts * settings.group // settings.minibatches
    warn(
        f"max_tokens: if completions reach {settings.max_tokens} tokens, a batch takes "
        f"{needed / 1e9:.1f} GB, and {available / 1e9:.1f} GB are free on {policy.device}; lower "
        f"it with at_once={max(1, scored * available // needed // 2)}, fewer prompts, a smaller "
        "group or probe"
    )
