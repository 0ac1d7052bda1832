"""Sampling: groups of completions with a KV cache, prompts of any lengths in one batch, and the
sampler's log-probs.

Every token of every row has a uniform number of its own, drawn before the first step, and is found
by inverting the cumulative distribution. So what a row samples depends on its own numbers alone:
rows that have ended need not be computed, and rows that are alike so far (to begin with, those of
one prompt) need only be computed once."""

from collections.abc import Sequence
from functools import partial
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
from trlib.model.llama import plain_llama
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
    drop: bool = True,
    ends_at: str | None = None,
) -> Completions:
    """`group` completions of each prompt.

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
        drop: rows that have ended leave the computation. Rows that are alike so far are computed
            once, unless `policy.share` is False. Neither changes what is sampled, except by
            rounding at the edge between two tokens.
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
        writer = _Writer(policy, ids, (group, max_tokens, topk), rng, full_rows)
        writer.ends = torch.tensor(_ends(policy, ends_at), device=policy.device)
        forced = _forced(prefixes, len(ids) * group, max_tokens, policy)
        return writer.write(forced, temperature=temperature, noise=logit_noise, drop=drop)


class _Writer:
    """One batch of completions while it is being written."""

    def __init__(
        self,
        policy: Policy,
        ids: list[list[int]],
        sizes: tuple[int, int, int],
        rng: torch.Generator,
        full: Sequence[int],
    ) -> None:
        """`sizes`: completions per prompt, their tokens, the likeliest tokens to keep. `full`: rows
        to keep whole."""
        (self.group, max_tokens, topk), self.policy, self.rng = sizes, policy, rng
        self.read = plain_llama(policy.model) or partial(extend, policy.model)
        self.share, self.device = policy.share, policy.device
        device, rows = policy.device, len(ids) * self.group
        self.ends: Tensor  #: The tokens that end a completion.
        widest = max(map(len, ids))  # padding is on the left
        self.vocabulary, pad = policy.vocabulary, policy.pad_id
        padded = [[pad] * (widest - len(row)) + row for row in ids]
        self.prompt_ids = torch.tensor(padded, device=device)
        self.prompt_mask = torch.tensor(
            [[i >= widest - len(row) for i in range(widest)] for row in ids], device=device
        )
        self.uniform = torch.rand(rows, max_tokens, generator=rng, dtype=torch.float64).to(device)
        self.tokens = torch.full((rows, max_tokens), pad, device=device)
        self.mask = torch.zeros(rows, max_tokens, dtype=torch.bool, device=device)
        self.forced = torch.zeros_like(self.mask)
        # Whatever torch's default type is.
        float32: dict[str, Any] = {"dtype": torch.float32, "device": device}
        self.logp = torch.zeros(rows, max_tokens, **float32)
        self.ended = torch.zeros(rows, dtype=torch.bool, device=device)
        self.full_rows = torch.as_tensor(sorted(full), dtype=torch.long, device=device)
        # Of each row: its place in `full`, -1 where it has none.
        self.slot_of = torch.full((rows,), -1, device=device)
        self.slot_of[self.full_rows] = torch.arange(len(self.full_rows), device=device)
        self.full = torch.zeros(len(self.full_rows), max_tokens, self.vocabulary, **float32)
        shape = (rows, max_tokens, topk)
        self.topk = TopK(
            torch.zeros(shape, dtype=torch.long, device=device), torch.zeros(shape, **float32)
        )

    def write(
        self, prefixes: Forced, *, temperature: float, noise: float, drop: bool
    ) -> Completions:
        from transformers import DynamicCache

        self.temperature, self.noise, self.drop = temperature, noise, drop
        prompts = torch.arange(len(self.prompt_ids), device=self.device)
        # Of each live row: its row among those that are computed.
        node = prompts.repeat_interleave(self.group)
        if not self.share:
            prompts, node = node, torch.arange(len(node), device=self.device)
        seen, padded = self.prompt_mask[prompts], not bool(self.prompt_mask.all())
        cache = DynamicCache()
        logits = self._forward(self.prompt_ids[prompts], cache, seen if padded else None)
        live = torch.arange(len(self.tokens), device=self.device)
        width = self.tokens.shape[1]
        for t in range(width):
            token = self._draw(logits, node, live, t, prefixes)
            going = (~self.ended[live]).nonzero().squeeze(-1)
            if t + 1 == width or not len(going):
                break
            if self.drop and len(going) < len(live):
                live, node, token = live[going], node[going], token[going]
            parent, node, token = self._distinct(node, token)
            # the cache has a row for each node of the last step: take those that go on, one for
            # each that branches off
            if len(parent) != len(logits) or not torch.equal(
                parent, torch.arange(len(parent), device=self.device)
            ):
                cache.batch_select_indices(parent)
                seen = seen[parent]
            if padded:
                seen = torch.cat([seen, seen.new_ones(len(seen), 1)], 1)
            logits = self._forward(token.unsqueeze(-1), cache, seen if padded else None)
        return self._completions()

    def _distinct(self, node: Tensor, token: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The nodes of the next step, for rows that continue `node` with `token`: each node's
        parent, every row's place among the nodes, and the nodes' tokens."""
        if not self.share:
            return node, torch.arange(len(node), device=self.device), token
        # a node and a token as one number, so that `unique` sorts numbers and not pairs
        key, place = torch.unique(node * self.vocabulary + token, return_inverse=True)
        return key // self.vocabulary, place, key % self.vocabulary

    def _forward(self, ids: Tensor, cache: Any, seen: Tensor | None) -> Tensor:
        """Logits after the last of `ids`, in float32."""
        place: dict[str, Tensor] = {}
        if seen is not None:
            positions = (seen.cumsum(1) - 1).clamp(min=0)
            place = {"attention_mask": seen, "position_ids": positions[:, -ids.shape[1] :]}
        out = self.read(input_ids=ids, cache=cache, logits_to_keep=1, **place)
        return out.logits[:, -1].float()

    def _draw(self, logits: Tensor, node: Tensor, live: Tensor, t: int, prefixes: Forced) -> Tensor:
        """Draw and record the next token of the live rows; rows that have ended stay as they
        are."""
        if self.noise:
            shape = len(self.tokens), logits.shape[1]
            drawn = torch.randn(*shape, generator=self.rng, dtype=torch.float32)
            logits = logits[node] + self.noise * drawn.to(self.device)[live]
            node = torch.arange(len(node), device=node.device)
        if self.temperature not in (0, 1):
            logits = logits / self.temperature
        logp = torch.log_softmax(logits, -1)
        if self.temperature == 0:
            largest, best = logp.max(-1)
            _finite(largest, t)
            token = best[node]
        else:
            token = _invert(logp, node, self.uniform[live, t], t)
        if prefixes is not None:
            tokens, lengths = prefixes
            forced = (lengths[live] > t) & ~self.ended[live]
            token = torch.where(forced, tokens[live, min(t, tokens.shape[1] - 1)], token)
            self.forced[live, t] = forced
        rows, chosen, at = live, token, node
        if not self.drop:  # rows that have ended are computed all the same, but nothing is recorded
            writing = ~self.ended[live]
            rows, chosen, at = live[writing], token[writing], node[writing]
        self.tokens[rows, t] = chosen
        self.logp[rows, t] = logp[at, chosen]
        self.mask[rows, t] = True if prefixes is None else ~self.forced[rows, t]
        self.ended[rows] = (chosen.unsqueeze(-1) == self.ends).any(-1)
        self._keep(logp, at, rows, chosen, t)
        return token

    def _keep(self, logp: Tensor, at: Tensor, rows: Tensor, chosen: Tensor, t: int) -> None:
        """Record whole distributions and the top k, where wanted."""
        if len(self.full_rows):
            slot = self.slot_of[rows]
            hit = (slot >= 0).nonzero().squeeze(-1)
            self.full[slot[hit], t] = logp[at[hit]]
        k = self.topk.ids.shape[-1]
        if k:
            top = top_k(logp[at], chosen, k)
            self.topk.ids[rows, t], self.topk.logp[rows, t] = top.ids, top.logp

    def _completions(self) -> Completions:
        width = max(int((self.mask | self.forced).sum(1).max()), 1)
        topk = (
            TopK(self.topk.ids[:, :width], self.topk.logp[:, :width])
            if self.topk.ids.shape[-1]
            else None
        )
        group = torch.arange(len(self.prompt_ids), device=self.device).repeat_interleave(self.group)
        cut = {
            name: getattr(self, name)[:, :width] for name in ("tokens", "mask", "forced", "full")
        }
        logp = self.logp[:, :width].masked_fill(cut["forced"], 0.0)
        whole = {
            name: getattr(self, name)
            for name in ("prompt_ids", "prompt_mask", "ended", "full_rows")
        }
        return Completions(
            group=group, logp=logp, topk=topk, tokenizer=self.policy.tokenizer, **whole, **cut
        )


def _finite(values: Tensor, t: int) -> None:
    """Check numbers that are NaN or inf wherever token `t` has a distribution that is."""
    if not bool(torch.isfinite(values).all()):
        raise NonFiniteError(
            f"sampling: token {t} has NaN or inf among its logits, expected finite numbers"
        )


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
