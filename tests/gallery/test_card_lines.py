"""The lines on the cards of the main line are the library's methods: value and gradient."""

import pytest
import torch

from tests.losses import D, batch
from trbook.cards import CARDS, FAMILIES, lines
from trlib.algorithms import ALGORITHMS
from trlib.algorithms.batch import Scores

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

    def of(self, loss):
        """The loss of a card's lines."""
        names = loss.__code__.co_varnames[: loss.__code__.co_argcount]
        return loss(**{name: getattr(self, name) for name in names})

    def library(self, name):
        """The loss of the library's method on the same numbers."""
        flat = lambda x: x.flatten(0, 1)  # noqa: E731
        expert = name in ("trapo", "sft")
        settings = {"grpo": {"beta": BETA}, "ppo_penalty": {"beta": BETA}}.get(name, {})
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


class Table:
    """A step of a tabular policy on one batch of single tokens, as the update box receives it."""

    def __init__(self, seed, damping, scale=1.5):
        draw = torch.Generator().manual_seed(seed)
        self.parameters = [scale * torch.randn(2, V, generator=draw, dtype=D)]
        self.parameters[0].requires_grad_()
        self.method = ALGORITHMS["trpo"](damping=damping)
        self.state = torch.arange(8) // 4
        full = self.full(self.parameters[0]).detach()
        tokens = full.exp().multinomial(1, generator=draw)
        old = full.gather(-1, tokens.unsqueeze(0).transpose(0, 1)[..., 0])
        rewards = (torch.randn(8, generator=draw, dtype=D) > 0).double()
        known = {"logp_rollout": old, "logp_old": old, "full_anchor": full.unsqueeze(1)}
        known |= {"group": self.state, "anchor": "recomputed"}
        held = batch(tokens >= 0, tokens=tokens, rewards=rewards, **known)
        self.batch = self.method.prepare(held)

    def full(self, theta):
        return theta.view(2, V).log_softmax(-1)[self.state]

    def minibatches(self):
        return [self]

    def score(self, rows=None, *, double_backward=False):
        full = self.full(self.parameters[0]).unsqueeze(1)
        return Scores(full.gather(-1, self.batch.tokens.unsqueeze(-1)).squeeze(-1), full)

    def loss(self):
        scores = self.score()
        return self.method.loss(self.method.objective(scores, self.batch).per_token, self.batch)

    def report(self, loss, grad_norm): ...

    def directional(self, direction, rows=None):
        return torch.func.jvp(self.full, (self.parameters[0].detach(),), (direction[0],))[1][
            :, None
        ]


@pytest.mark.parametrize(("damping", "tries"), [(0.1, 1), (1e-3, 2)])
def test_trpo_s_lines_take_the_library_s_step(damping, tries):
    """With little damping the first step is too long, and is shortened until it is not."""
    ours, theirs = Table(11, damping), Table(11, damping)
    theta = ours.parameters[0]
    g = -torch.autograd.grad(ours.loss(), theta)[0].flatten()
    tried = []

    def at(point, value):
        ours.parameters[0] = point.view(2, V)
        return value()

    def mean_kl(point):
        tried.append(point)
        return at(point, lambda: ours.method._kl(ours.score(), ours.batch))

    product = ours.method._fisher(ours)
    found = lines.trpo(
        theta.detach().flatten(),
        g,
        product,
        lambda point: -at(point, ours.loss),
        mean_kl,
    )
    theirs.method.update(theirs)
    moved = theirs.parameters[0].detach().flatten()
    torch.testing.assert_close(found.detach(), moved, rtol=1e-9, atol=1e-12)
    assert float((moved - theta.detach().flatten()).norm()) > 1e-3 and len(tried) == tries


TOKENS = [name for name in lines.LINES if name != "trpo"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*TOKENS, "sft"])
def test_the_lines_are_the_library_s_method(name, seed):
    one = Drawn(seed)
    found = one.of(getattr(lines, name))
    wanted = one.library(name)
    for a, b in zip(one.slope(found), one.slope(wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_grpo_without_its_kl_is_the_library_s_default(seed):
    one, other = Drawn(seed), Drawn(seed)
    other.beta = 0.0
    found, wanted = one.of(lines.grpo_without_kl), other.of(lines.grpo)
    torch.testing.assert_close(found, wanted)
    assert ALGORITHMS["grpo"]().beta == 0


def test_every_card_of_the_main_line_has_lines():
    main = [card.name for card in CARDS.values() if card.family in FAMILIES]
    assert list(lines.LINES) == [name for name in main if not name.startswith("sft")]
    for name in lines.LINES:
        told = lines.diff(name)
        own = [line for line in told if not line.startswith("- ")]
        assert [line[2:] for line in own] == lines.body(lines.LINES[name].loss)
        assert 3 <= len(own) <= 8 and any(line.startswith("+ ") for line in told)
        assert max(map(len, told)) <= 84, name
