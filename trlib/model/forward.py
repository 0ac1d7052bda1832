"""One forward pass over completions: the log-probs of their tokens."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from trlib import checks
from trlib.algorithms.method import Scores
from trlib.errors import warn
from trlib.model.attention import counted, reading
from trlib.model.completions import Completions
from trlib.model.hooks import captured_inputs
from trlib.model.loading import reason
from trlib.model.packing import Layout, plain, shared


def log_probs(
    model: Any,
    completions: Completions,
    layout: Layout,
    temperature: float = 1.0,
    *,
    full: bool = False,
    hidden: bool = False,
    weights: Mapping[str, Tensor] | None = None,
) -> Scores:
    """What `Policy.score` returns, of completions in a layout."""
    logits, read = _outputs(model, layout, weights, hidden)
    logits = logits.flatten(0, 1)
    logits = logits.to(checks.wide(logits))
    distribution = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, -1)
    logp = distribution[layout.index, completions.tokens]

    def of_tokens(rows: Tensor) -> Tensor:
        picked = rows.index_select(0, layout.index.flatten())  # [index] has a slow gradient
        return picked.view(*layout.index.shape, -1)

    last = None if read is None else of_tokens(read.flatten(0, 1))
    return Scores(logp, of_tokens(distribution) if full else None, hidden=last)


def _outputs(
    model: Any, layout: Layout, weights: Mapping[str, Tensor] | None, hidden: bool
) -> tuple[Tensor, Tensor | None]:
    """The logits at a layout's places, and with `hidden` what the output layer read for them."""
    inputs = {**layout.inputs(), "logits_to_keep": layout.kept}
    with (
        reading(model, layout),
        captured_inputs(model.get_output_embeddings(), hidden) as read_by,
    ):
        out = (
            model(**inputs)
            if weights is None
            else functional_call(model, dict(weights), (), inputs)
        )
    return out.logits, read_by[0] if hidden else None


def recomputed_log_probs(
    model: Any,
    completions: Completions,
    layout: Layout,
    temperature: float,
    *,
    full: bool,
    hidden: bool,
) -> dict[str, Tensor]:
    """`log_probs`, recomputed when the gradient is taken: until then only the result is kept."""

    def scored() -> dict[str, Tensor]:
        return log_probs(
            model, completions, layout, temperature, full=full, hidden=hidden
        ).present()

    if not torch.is_grad_enabled():
        return scored()
    return checkpoint(scored, use_reentrant=False, preserve_rng_state=False)


@torch.no_grad()
def shares_prefixes(name: str, model: Any, completions: Completions) -> bool:
    """Whether reading shared prefixes once gives the log-probs of plain rows; `name` is for the
    warning.

    Every layer must call the attention that knows shared prefixes, and the log-probs of the first
    two prompts' completions must agree. A layer that mixes tokens in another way (a convolution, a
    recurrence) would mix tokens that are neighbours only in the shared row."""
    config = model.config.get_text_config()
    if getattr(config, "_attn_implementation", None) != "sdpa":
        return False
    some = completions.rows((completions.group <= completions.group[0] + 1).nonzero().squeeze(-1))
    expected = log_probs(model, some, plain(some)).logp[some.present]
    try:
        with counted() as layers:
            as_tree = log_probs(model, some, shared(some)).logp[some.present]
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # models fail in many ways with an attention of another kind
        warn(
            f"policy {name!r}: each row is read whole, which takes longer, because its "
            f"attention does not share prefixes ({reason(error)})"
        )
        return False
    coarse = next(model.parameters()).dtype in checks.COARSE
    close = bool((as_tree - expected).abs().max() < (0.2 if coarse else 1e-3))
    return close and len(layers) == config.num_hidden_layers
