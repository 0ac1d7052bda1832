"""Completions of prompts: the sampled tokens and the probabilities that the sampler gave them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from trlib.divergences import TopK


@dataclass(frozen=True, repr=False)
class Completions:
    """B completions of N prompts; the rows of a prompt are adjacent. Prompts are padded left,
    completions right."""

    prompt_ids: Tensor  #: [N, P] int.
    prompt_mask: Tensor  #: [N, P] bool: False where padded.
    group: Tensor  #: [B] int, ascending: which prompt.
    tokens: Tensor  #: [B, T] int: an expert's prefix, sampled tokens, the end token, padding.
    mask: Tensor  #: [B, T] bool: sampled tokens (the end token included).
    forced: Tensor  #: [B, T] bool: tokens of an expert's prefix.
    ended: Tensor  #: [B] bool: the end token came (False: cut at the token limit).
    logp: Tensor
    """[B, T] log mu(y_t), nats, at the sampling temperature (for greedy sampling at 1); 0 where
    there is no token."""
    full_rows: Tensor  #: [F] int: the rows whose whole distributions were kept.
    full: Tensor  #: [F, T, V] log-probs of those rows, as sampled from.
    topk: TopK | None = None  #: The k most likely tokens of every position; None: not recorded.
    tokenizer: Any = None  #: Turns tokens into text.
    age: Tensor | None = None
    """[B, T] int: how many batches the policy that wrote each token was behind the learner; None: 0
    everywhere."""

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def present(self) -> Tensor:
        """[B, T] bool: a token is there, sampled or forced."""
        return self.mask | self.forced

    @property
    def lengths(self) -> Tensor:
        """[B] sampled tokens."""
        return self.mask.sum(-1)

    def texts(self) -> list[str]:
        """Each completion as text, a forced prefix included, without its end token and other
        special ones."""
        lengths = (self.present.sum(-1) - self.ended.long()).tolist()
        rows = [tuple(row[:n]) for row, n in zip(self.tokens.tolist(), lengths, strict=True)]
        # a batch often holds the same completion several times: each is decoded once
        different = list(dict.fromkeys(rows))
        decoded = self.tokenizer.batch_decode(
            [list(row) for row in different], skip_special_tokens=True
        )
        text_of = dict(zip(different, decoded, strict=True))
        return [text_of[row] for row in rows]

    def token_ids(self) -> list[list[int]]:
        """The tokens of each completion, a forced prefix and the end token included."""
        lengths = self.present.sum(-1).tolist()
        return [row[:n] for row, n in zip(self.tokens.tolist(), lengths, strict=True)]

    def prompt_texts(self) -> list[str]:
        """Each of the N prompts as text."""
        rows = [
            row[keep].tolist() for row, keep in zip(self.prompt_ids, self.prompt_mask, strict=True)
        ]
        return self.tokenizer.batch_decode(rows, skip_special_tokens=True)

    def rows(self, index: Tensor) -> Completions:
        """The completions that `index` names (all prompts stay; whole distributions are not
        kept)."""
        topk = None if self.topk is None else self.topk[index]
        age = None if self.age is None else self.age[index]
        picked = {
            name: getattr(self, name)[index]
            for name in ("group", "tokens", "mask", "forced", "ended", "logp")
        }
        return replace(
            self, **picked, topk=topk, age=age, full_rows=self.full_rows[:0], full=self.full[:0]
        )

    def __repr__(self) -> str:
        shown = [f"  {prompt!r} -> {text!r}" for prompt, text in self._pairs(4)]
        more = [f"  ... {len(self) - 4} more"] if len(self) > 4 else []
        head = f"Completions of {len(self.prompt_ids)} prompts, {len(self)} in all, "
        head += f"{self.lengths.float().mean():.1f} tokens on average"
        return "\n".join([head, *shown, *more])

    def _repr_html_(self) -> str:
        chance = self.logp.masked_fill(~self.mask, 0).sum(-1).exp().tolist()
        shown = [
            (*map(html.escape, pair), p) for pair, p in zip(self._pairs(16), chance, strict=False)
        ]
        rows = "".join(
            "<tr><td>{}</td><td>{}</td><td>{:.2g}</td></tr>".format(*row) for row in shown
        )
        more = f"<p>{len(self) - 16} more</p>" if len(self) > 16 else ""
        head = "<tr><th>prompt</th><th>completion</th><th>probability</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{more}"

    def _pairs(self, n: int) -> list[tuple[str, str]]:
        some = self.rows(torch.arange(min(n, len(self))))
        prompts = self.prompt_texts()
        return [
            (prompts[g], text) for g, text in zip(some.group.tolist(), some.texts(), strict=True)
        ]


def top_k(logp: Tensor, tokens: Tensor, k: int) -> TopK:
    """The k most likely tokens of distributions [..., V]; if the sampled token is missing, it
    replaces the last."""
    top, ids = logp.topk(k, -1)
    absent = (ids != tokens.unsqueeze(-1)).all(-1)
    ids[absent, -1] = tokens[absent]
    top[absent, -1] = logp[absent, tokens[absent]]
    return TopK(ids, top)


def join(parts: Sequence[Completions]) -> Completions:
    """Completions of the same prompts, drawn in several stages, as one batch: a prompt's rows are
    adjacent again."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.tokens.shape[1] for part in parts)
    order = torch.argsort(torch.cat([part.group for part in parts]), stable=True)

    def cat(values: list[Tensor]) -> Tensor:
        grown = [
            torch.nn.functional.pad(v, (0, 0) * (v.dim() - 2) + (0, width - v.shape[1]))
            for v in values
        ]
        return torch.cat(grown)

    names = ["tokens", "mask", "forced", "logp"] + ["age"] * (parts[0].age is not None)
    wide = {name: cat([getattr(part, name) for part in parts])[order] for name in names}
    topk = None
    if parts[0].topk is not None:
        kept = [part.topk for part in parts if part.topk is not None]
        topk = TopK(cat([top.ids for top in kept]), cat([top.logp for top in kept]))[order]
    offsets = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0)[:-1].tolist()
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    full_rows = place[
        torch.cat([part.full_rows + offset for part, offset in zip(parts, offsets, strict=True)])
    ]
    first = torch.argsort(full_rows)
    of_rows = {
        name: torch.cat([getattr(part, name) for part in parts])[order]
        for name in ("group", "ended")
    }
    full = cat([part.full for part in parts])[first]
    return replace(parts[0], **wide, **of_rows, topk=topk, full_rows=full_rows[first], full=full)
