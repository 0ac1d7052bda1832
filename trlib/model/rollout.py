"""Sampling: groups of completions with a KV cache, prompts of any lengths in one batch, and the
sampler's log-probs.

Every token of every row has a uniform number of its own, drawn before the first step, and is found
by inverting the cumulative distribution. So what a row samples depends on its own numbers alone:
rows that have ended need not be computed, and rows that are alike so far (to begin with, those of
one prompt) need only be computed once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from trlib import checks
from trlib.checks import NOT_NEGATIVE
from trlib.divergences import TopK
from trlib.errors import NonFiniteError
from trlib.model.completions import Completions, top_k
from trlib.model.decoder import extend
from trlib.model.policy import Policy
from trlib.model.prompt_encoding import tokens_holding
from trlib.seeds import generator

Forced = tuple[Tensor, Tensor] | None
"""The tokens that completions begin with, padded on the right, and how many."""


@torch.no_grad()
def sample(
    policy: Policy,
    prompts: Sequence[str] | Sequence[Sequence[int]],
    *,
    group: int = 1,
    temperature: float = 1.0,
    max_tokens: int = 16,
    seed: int | torch.Generator = 0,
    prefixes: Sequence[Sequence[int]] | None = None,
    full_rows: Sequence[int] = (),
    topk: int = 0,
    logit_noise: float = 0.0,
    ends_at: str | None = None,
) -> Completions:
    """`group` completions of each prompt.

    Rows that are alike so far are computed once, unless `policy.share` is False. This changes what
    is sampled by rounding alone, at the edge between two tokens.

    Args:
        prompts: N texts, or N lists of token ids.
        temperature: divides the logits; 0 is greedy (log-probs then are those at temperature 1).
        max_tokens: the longest completion, a forced prefix and the end token included.
        seed: an integer or a CPU generator; the same seed samples the same completions.
        prefixes: for each of the N * group rows, token ids that the completion begins with; None:
            none.
        full_rows: rows whose whole distributions are kept.
        topk: keep the k most likely tokens of every position; if the sampled one is not among them,
            it is the last.
        logit_noise: standard deviation of Gaussian noise on every logit, for a sampler that is not
            the learner.
        ends_at: a letter, such as the end of a line: a token that holds it ends a completion like
            the end token. None: only the end token does.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or out of its range; a token outside
            the vocabulary; an empty prompt, or one that with `max_tokens` exceeds the model's
            context.
        NonFiniteError: NaN or inf among the logits."""
    if not isinstance(policy, Policy):
        raise TypeError(
            "policy: expected a policy such as trlib.load_policy('dial'), got "
            f"{type(policy).__name__}"
        )
    temperature = checks.number("temperature", temperature, **NOT_NEGATIVE)
    logit_noise = checks.number("logit_noise", logit_noise, **NOT_NEGATIVE)
    group = checks.whole("group", group, least=1)
    max_tokens = checks.whole("max_tokens", max_tokens, least=1)
    topk = checks.whole("topk", topk, least=0, most=policy.vocabulary)
    ids = _ids(policy, prompts, max_tokens)
    last = len(ids) * group - 1
    full_rows = [
        checks.whole("full_rows", row, least=0, most=last)
        for row in _listed("full_rows", full_rows)
    ]
    rng = (
        seed
        if isinstance(seed, torch.Generator)
        else generator(checks.whole("seed", seed, least=0), "sample")
    )
    with policy.threads():
        c = _blank(policy, ids, group, max_tokens, topk, full_rows)
        uniform = torch.rand(c.tokens.shape, generator=rng, dtype=torch.float64).to(policy.device)
        ends = torch.tensor(_ends(policy, ends_at), device=policy.device)
        forced = _forced(prefixes, len(c), max_tokens, policy)
        _fill(c, policy, uniform, ends, forced, temperature, logit_noise, rng)
    return _cut(c)


def _blank(
    policy: Policy,
    ids: list[list[int]],
    group: int,
    max_tokens: int,
    topk: int,
    full_rows: list[int],
) -> Completions:
    """`group` completions of each prompt, without any token yet, to be filled in place."""
    device, pad, widest = policy.device, policy.pad_id, max(map(len, ids))
    shape = len(ids) * group, max_tokens

    def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=device)

    return Completions(
        prompt_ids=torch.tensor([[pad] * (widest - len(row)) + row for row in ids], device=device),
        prompt_mask=torch.tensor(
            [[i >= widest - len(row) for i in range(widest)] for row in ids], device=device
        ),
        group=torch.arange(len(ids), device=device).repeat_interleave(group),
        tokens=torch.full(shape, pad, device=device),
        mask=zeros(*shape, dtype=torch.bool),
        forced=zeros(*shape, dtype=torch.bool),
        ended=zeros(shape[0], dtype=torch.bool),
        logp=zeros(*shape),
        full_rows=torch.tensor(sorted(full_rows), dtype=torch.long, device=device),
        full=zeros(len(full_rows), max_tokens, policy.vocabulary),
        topk=TopK(zeros(*shape, topk, dtype=torch.long), zeros(*shape, topk)) if topk else None,
        tokenizer=policy.tokenizer,
    )


def _fill(
    c: Completions,
    policy: Policy,
    uniform: Tensor,
    ends: Tensor,
    forced: Forced,
    temperature: float,
    noise: float,
    rng: torch.Generator,
) -> None:
    """Write the completions, token by token."""
    from transformers import DynamicCache

    # The rows that have not ended, and for each its node, which is a row of the forward pass. Rows
    # that are alike so far have one node.
    live = torch.arange(len(c), device=policy.device)
    node = c.group if policy.share else live
    prompts = c.group.unique() if policy.share else c.group
    ids, seen, padded = c.prompt_ids[prompts], c.prompt_mask[prompts], not bool(c.prompt_mask.all())
    cache, width = DynamicCache(), c.tokens.shape[1]
    for t in range(width):
        logits = _read(policy.model, ids, cache, seen if padded else None)
        at = node  # where each row's distribution is
        if noise:
            drawn = torch.randn(len(c), logits.shape[1], generator=rng, dtype=torch.float32)
            logits = logits[node] + noise * drawn.to(logits.device)[live]
            at = torch.arange(len(live), device=policy.device)
        logp = torch.log_softmax(logits / (temperature or 1.0), -1)
        token = _invert(logp, at, uniform[live, t], t) if temperature else _best(logp, t)[at]
        if forced is not None:
            tokens, lengths = forced
            c.forced[live, t] = lengths[live] > t
            beginning = tokens[live, min(t, tokens.shape[1] - 1)]
            token = torch.where(c.forced[live, t], beginning, token)
        _record(c, t, live, token, logp, at)
        c.ended[live] = torch.isin(token, ends)
        going = (~c.ended[live]).nonzero().squeeze(-1)
        if t + 1 == width or not len(going):
            return
        live = live[going]
        parent, node, token = _next_nodes(node[going], token[going], policy)
        # The cache has a row for each node of the last step: take those that go on, one for each
        # that branches off.
        if not torch.equal(parent, torch.arange(len(ids), device=ids.device)):
            cache.batch_select_indices(parent)
        ids = token.unsqueeze(-1)
        seen = torch.cat([seen[parent], seen.new_ones(len(parent), 1)], 1)


def _next_nodes(node: Tensor, token: Tensor, policy: Policy) -> tuple[Tensor, Tensor, Tensor]:
    """The nodes of the next step, for rows that continue `node` with `token`: each node's parent,
    every row's place among the nodes, and the nodes' tokens."""
    if not policy.share:
        return node, torch.arange(len(node), device=node.device), token
    # a node and a token as one number, so that `unique` sorts numbers and not pairs
    key, place = torch.unique(node * policy.vocabulary + token, return_inverse=True)
    return key // policy.vocabulary, place, key % policy.vocabulary


def _read(model: Any, ids: Tensor, cache: Any, seen: Tensor | None) -> Tensor:
    """Logits after the last of `ids`, in float32. `seen`: which of all tokens so far are no padding;
    None: all."""
    place: dict[str, Tensor] = {}
    if seen is not None:
        positions = (seen.cumsum(1) - 1).clamp(min=0)
        place = {"attention_mask": seen, "position_ids": positions[:, -ids.shape[1] :]}
    out = extend(model, cache, input_ids=ids, logits_to_keep=1, **place)
    return out.logits[:, -1].float()


def _record(c: Completions, t: int, rows: Tensor, token: Tensor, logp: Tensor, at: Tensor) -> None:
    """Write down token `t` of some rows, each drawn from the distribution `logp[at]`."""
    c.tokens[rows, t], c.logp[rows, t] = token, logp[at, token]
    c.mask[rows, t] = ~c.forced[rows, t]
    if len(c.full_rows):
        kept = torch.isin(rows, c.full_rows)
        c.full[torch.searchsorted(c.full_rows, rows[kept]), t] = logp[at[kept]]
    if c.topk is not None:
        top = top_k(logp[at], token, c.topk.ids.shape[-1])
        c.topk.ids[rows, t], c.topk.logp[rows, t] = top.ids, top.logp


def _cut(c: Completions) -> Completions:
    """The completions, as wide as the longest."""
    width = max(int(c.present.sum(1).max()), 1)
    cut = {name: getattr(c, name)[:, :width] for name in ("tokens", "mask", "forced", "full")}
    logp = c.logp[:, :width].masked_fill(cut["forced"], 0.0)
    topk = None if c.topk is None else TopK(c.topk.ids[:, :width], c.topk.logp[:, :width])
    return replace(c, **cut, logp=logp, topk=topk)


def _finite(values: Tensor, t: int) -> None:
    """Check numbers that are NaN or inf wherever token `t` has a distribution that is."""
    if not bool(torch.isfinite(values).all()):
        raise NonFiniteError(
            f"sampling: token {t} has NaN or inf among its logits, expected finite numbers"
        )


def _best(logp: Tensor, t: int) -> Tensor:
    """The most likely token of each distribution, at place `t`."""
    largest, token = logp.max(-1)
    _finite(largest, t)
    return token


def _invert(logp: Tensor, node: Tensor, uniform: Tensor, t: int) -> Tensor:
    """Tokens [B], at place `t`, by inverting a cumulative distribution: the first whose cumulative
    probability passes `uniform`.

    `node` [B]: which of the distributions is each row's. In float64: over 150,000 tokens a float32
    sum is off by more than the rare tokens' probabilities."""
    total = logp.exp().cumsum(-1, dtype=torch.float64)
    whole = total[:, -1]
    _finite(whole, t)
    # `uniform` times the sum may round to the sum itself, which no token's cumulative probability
    # passes
    below = torch.nextafter(whole, torch.zeros_like(whole))
    target = torch.minimum(uniform * whole[node], below[node])
    return torch.searchsorted(total[node], target.unsqueeze(-1), right=True).squeeze(-1)


def _ids(
    policy: Policy, prompts: Sequence[str] | Sequence[Sequence[int]], max_tokens: int
) -> list[list[int]]:
    if len(_listed("prompts", prompts)) == 0:
        raise ValueError(f"prompts: expected a list of at least one prompt, got {prompts!r}")
    texts = [p for p in prompts if isinstance(p, str)]
    encoded = iter(policy.encode_prompts(texts) if texts else [])
    ids = [
        next(encoded) if isinstance(p, str) else _tokens(f"prompts[{i}]", p, policy)
        for i, p in enumerate(prompts)
    ]
    context = policy.context
    for i, row in enumerate(ids):
        if not row:
            raise ValueError(f"prompts[{i}]: expected at least one token, got none")
        if len(row) + max_tokens > context:
            raise ValueError(
                f"prompts[{i}]: expected at most {context} tokens with the completion "
                f"(the model's context), got {len(row)} and max_tokens {max_tokens}"
            )
    return ids


def _ends(policy: Policy, letter: str | None) -> list[int]:
    """The tokens that end a completion."""
    if letter is None:
        return list(policy.end_ids)
    if not isinstance(letter, str) or len(letter) != 1:
        raise ValueError(f"ends_at: expected one letter, such as '\\n', got {letter!r}")
    more = [i for i in tokens_holding(policy.tokenizer, letter) if i < policy.vocabulary]
    if not more:
        raise ValueError(f"ends_at: policy {policy.name!r} has no token that holds {letter!r}")
    return [*policy.end_ids, *more]


def _listed(name: str, value: Any) -> Any:
    """`value`, if it is a list or something like one; text is not."""
    if isinstance(value, str | bytes) or not (
        hasattr(value, "__len__") and hasattr(value, "__iter__")
    ):
        raise TypeError(f"{name}: expected a list, got {value!r}")
    return value


def _tokens(name: str, ids: Any, policy: Policy) -> list[int]:
    """Token ids of the policy's vocabulary."""
    ids = ids.tolist() if hasattr(ids, "tolist") else list(_listed(name, ids))
    if ids and all(type(i) is int for i in ids) and min(ids) >= 0 and max(ids) < policy.vocabulary:
        return ids
    return [checks.whole(name, i, least=0, most=policy.vocabulary - 1) for i in ids]


def _forced(
    prefixes: Sequence[Sequence[int]] | None, rows: int, max_tokens: int, policy: Policy
) -> Forced:
    """Forced prefixes as a right-padded tensor and their lengths."""
    if prefixes is None:
        return None
    prefixes = [
        _tokens(f"prefixes[{i}]", row, policy)
        for i, row in enumerate(_listed("prefixes", prefixes))
    ]
    if not any(map(len, prefixes)):
        return None
    if len(prefixes) != rows:
        raise ValueError(
            f"prefixes: expected one for each of the {rows} completions, got {len(prefixes)}"
        )
    longest = max(map(len, prefixes))
    if longest > max_tokens:
        raise ValueError(
            f"prefixes: expected at most max_tokens = {max_tokens} tokens each, got {longest}"
        )
    each = [torch.tensor(row, dtype=torch.long) for row in prefixes]
    tokens = pad_sequence(each, batch_first=True, padding_value=policy.pad_id)
    lengths = torch.tensor([len(row) for row in each])
    return tokens.to(policy.device), lengths.to(policy.device)
