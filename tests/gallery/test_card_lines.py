"""The lines on the cards of the main line are the library's methods: value and gradient."""

import pytest
import torch

from book.build.cards import CARDS
from tests.gallery import lines
from tests.losses import D, batch
from trlib.algorithms import ALGORITHMS
from trlib.algorithms.batch import Scores

pytestmark = pytest.mark.test_all("pages of the main line")

P, G, T, V, LIMIT = 3, 4, 5, 6, 7
BETA = 0.04


class Drawn:
    """A batch so far from the old policy that every region binds somewhere, in the shapes of the
    cards and in those of the library. One prompt's answers are all right."""

    def __init__(self, seed):
        draw = torch.Generator().manual_seed(seed)

        def logits(scale):
            return scale * torch.randn(P, G, T, V, generator=draw, dtype=D)

        old = logits(1.5)
        far = (torch.arange(G) % 3)[:, None, None]
        self.now = (old + 0.9 * logits(1.0) * far).requires_grad_()
        self.V = torch.randn(P, G, T, generator=draw, dtype=D).requires_grad_()
        self.new, self.q = self.now.log_softmax(-1), old.log_softmax(-1)
        self.y = torch.randint(0, V, (P, G, T), generator=draw)
        self.mask = torch.arange(T) < torch.randint(2, T + 1, (P, G, 1), generator=draw)
        self.R = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]], dtype=D).unsqueeze(-1)
        self.ref = (old + logits(0.3)).log_softmax(-1).gather(-1, self.y[..., None]).squeeze(-1)
        self.V_old = self.V.detach() + 0.3
        self.logp, self.old = (lines.pick(x, self.y) for x in (self.new, self.q))
        self.mu, self.limit, self.beta = self.old, LIMIT, BETA

    def of(self, code):
        """The loss of a card's lines."""
        return lines.run(code, **vars(self))["loss"]

    def library(self, name):
        """The loss of the library's method on the same numbers."""
        flat = lambda x: x.flatten(0, 1)  # noqa: E731
        expert = name in ("trapo", "sft")
        settings = {"beta": self.beta} if name in ("grpo", "ppo_penalty") else {}
        method = ALGORITHMS[name](**settings)
        mask = flat(self.mask)
        old, rows = flat(self.old), torch.arange(P * G)
        held = batch(
            mask & (not expert),
            tokens=flat(self.y),
            forced=mask & expert,
            rewards=flat(self.R).squeeze(-1),
            group=rows if expert else rows // G,
            horizon=LIMIT,
            anchor=method.anchor,
            logp_rollout=old,
            logp_old=old,
            logp_ref=flat(self.ref),
            full_anchor=flat(self.q),
            values=flat(self.V_old),
        )
        scores = Scores(flat(self.logp), flat(self.new), values=flat(self.V))
        held = method.prepare(held)
        return method.loss(method.objective(scores, held).per_token, held)

    def slope(self, loss):
        """Its gradient in the logits and in the critic's values."""
        wanted = torch.autograd.grad(loss, [self.now, self.V], retain_graph=True, allow_unused=True)
        return [torch.zeros(1) if one is None else one for one in wanted]


BASES = {
    **dict.fromkeys(("reinforce", "pg_is", "ppo_penalty", "ppo_critic"), "ppo"),
    **dict.fromkeys(("dppo", "quatro", "troll"), "ppo"),
    **dict.fromkeys(("dr_grpo", "dapo", "gspo", "cispo", "sapo", "gmpo", "pspo"), "grpo"),
    "ppo": "pg_is",
    "grpo": "ppo_critic",
    "trapo": "sft",
}
"""By the name of a card, the method that its lines change."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BASES)
def test_the_lines_are_the_library_s_methods(name, seed):
    """Before the change and after it."""
    one = Drawn(seed)
    for code, method in zip(lines.changed(CARDS[name]), (BASES[name], name), strict=True):
        one.beta = BETA if "beta" in code else 0.0
        found, wanted = one.of(code), one.library(method)
        for a, b in zip(one.slope(found), one.slope(wanted), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)
