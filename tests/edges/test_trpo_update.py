"""TRPO's update box on a policy small enough to write its Fisher matrix down, and on `dial`."""

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.losses import D, batch, close, slope, tensor, trained
from trlib.algorithms import TRPO
from trlib.algorithms.method import Scores

STATES, ACTIONS, FEATURES = 4, 5, 3


class Softmax:
    """A linear softmax policy: one completion of one token in each state, every action advantage
    known."""

    def __init__(self, advantages):
        g = torch.Generator().manual_seed(0)
        self.x = torch.randn(STATES, FEATURES, generator=g, dtype=D)
        self.theta = torch.randn(FEATURES, ACTIONS, generator=g, dtype=D).requires_grad_()
        self.parameters, self.memory, self.method = [self.theta], {}, None
        old = self.full(self.theta.detach())
        tokens = torch.tensor([[0], [2], [1], [4]])
        logp = old.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        self.batch = batch(
            torch.ones(STATES, 1, dtype=torch.bool),
            tokens=tokens,
            group=torch.arange(STATES),
            logp_rollout=logp,
            logp_old=logp,
            full_anchor=old,
            advantages=advantages,
            anchor="recomputed",
        )
        self.reported = None

    def full(self, theta):
        return torch.log_softmax(self.x @ theta, -1).unsqueeze(1)

    def score(self, rows=None, *, double_backward=False):
        full = self.full(self.theta)
        full = full if rows is None else full[rows]
        tokens = self.batch.tokens if rows is None else self.batch.tokens[rows]
        return Scores(full.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), full)

    def minibatches(self):
        return iter([self])

    def directional(self, direction, rows=None):
        out = torch.func.jvp(self.full, (self.theta,), tuple(direction))[1]
        return out if rows is None else out[rows]

    def loss(self):
        return self.method.loss(
            self.method.objective(self.score(), self.batch).per_token, self.batch
        )

    def report(self, loss, grad_norm):
        self.reported = loss, grad_norm


def explicit(step, rows=range(STATES)):
    """The mean over states of E_a[score score'], summed outcome by outcome."""
    matrix = torch.zeros(FEATURES * ACTIONS, FEATURES * ACTIONS, dtype=D)
    for s in rows:
        p = step.full(step.theta.detach())[s, 0].exp()
        for a in range(ACTIONS):
            score = torch.outer(step.x[s], torch.eye(ACTIONS, dtype=D)[a] - p).flatten()
            matrix += p[a] / len(rows) * torch.outer(score, score)
    return matrix


def kl(step):
    old, new = step.batch.full_anchor, step.full(step.theta.detach())
    return float((old.exp() * (old - new)).sum(-1).mean())


@pytest.fixture
def step():
    return Softmax(tensor([[1.0], [-0.5], [0.3], [2.0]]))


@pytest.mark.parametrize("kind", ["gauss-newton", "double-backward"])
@pytest.mark.parametrize("rows", [None, 2])
def test_products_are_those_of_the_explicit_fisher_matrix(step, kind, rows):
    product = TRPO(fisher=kind, fisher_rows=rows, damping=0.3)._fisher(step)
    v = torch.randn(FEATURES * ACTIONS, generator=torch.Generator().manual_seed(1), dtype=D)
    chosen = range(STATES) if rows is None else [0, 2]
    close(product(v), explicit(step, chosen) @ v + 0.3 * v)


@pytest.mark.parametrize("kind", ["gauss-newton", "double-backward"])
def test_an_accepted_step_is_the_scaled_natural_gradient_and_inside_the_region(step, kind):
    method = step.method = TRPO(fisher=kind, delta_kl=1e-4, damping=0.1, iterations=50)
    gradient = -slope(step.loss(), step.theta).flatten()
    matrix = explicit(step) + 0.1 * torch.eye(FEATURES * ACTIONS, dtype=D)
    x = torch.linalg.solve(matrix, gradient)
    expected = (2 * 1e-4 / (x @ matrix @ x)).sqrt() * x
    before, loss = step.theta.detach().clone(), float(step.loss())
    method.update(step)
    moved = (step.theta.detach() - before).flatten()
    torch.testing.assert_close(moved, expected, rtol=1e-6, atol=1e-12)
    assert 0 < kl(step) <= 1e-4 and float(step.loss()) < loss
    assert step.reported == pytest.approx((loss, float(gradient.norm())))


@pytest.mark.parametrize("delta_kl", [1e-3, 0.05, 1.0, 20.0])
def test_every_accepted_step_satisfies_its_bound(step, delta_kl):
    method = step.method = TRPO(delta_kl=delta_kl, damping=1e-3, tries=40)
    for _ in range(5):
        loss = float(step.loss())
        method.update(step)
        assert kl(step) <= delta_kl
        assert float(step.loss()) <= loss


@pytest.mark.parametrize(
    "kind",
    by_day(
        ["gauss-newton", "double-backward"],
        "gauss-newton",
        later=["double-backward"],
        reason="the same search on a real model",
    ),
)
def test_on_dial_a_rejected_line_search_leaves_every_bit(kind):
    class Outside(TRPO):
        def _search(self, step, full, before):
            assert bool(full.isfinite().all()) and float(full.norm()) > 0
            inside, outside = TRPO._kl, torch.tensor(torch.inf)
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(TRPO, "_kl", lambda *_: outside)
                super()._search(step, full, before)
            assert TRPO._kl is inside

    policy = trlib.load_policy("dial")
    before = policy.state()
    run = trained(Outside(fisher=kind, fisher_rows=8), policy=policy)
    assert all(torch.equal(t, before[name]) for name, t in policy.state().items())
    assert (run.history.kl_back <= 1e-6).all() and run.history.grad_norm.gt(0).all()
