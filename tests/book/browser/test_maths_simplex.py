"""The simplex's mathematics in Chromium: distances against trlib, torch and scipy, and every
region's edge where its distance says it is."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from tests.book.browser.double import close, double
from trlib.divergences import kl, tv

pytestmark = pytest.mark.test_all("one figure's own mathematics")

MATHS, DISTANCES = "simplex/maths.js", "maths/distances.js"
OLD = [
    [0.5, 0.3, 0.2],
    [1 / 3, 1 / 3, 1 / 3],
    [0.98, 0.019, 0.001],
    [0.0001, 0.4, 0.5999],
    [0.2, 0.78, 0.02],
]
DELTAS = [0.001, 0.05, 0.4, 2.0]
REGIONS = ["kl_old_new", "kl_new_old", "chi2", "fisher", "tv", "ratio", "wasserstein"]


def pairs(tokens=3, count=60):
    draw = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(2, count, tokens, generator=draw, dtype=torch.float64)
    p, q = logits.softmax(-1)
    p[:5] = (logits[1, :5] + 1e-4 * logits[0, :5]).softmax(
        -1
    )  # close pairs, where terms could cancel
    return p, q


def measured(p, q):
    """Every distance [N] of new policies p from old ones q, both [N, tokens], without the page's
    code."""
    r = p / q
    log_r = r.log()
    places = range(p.shape[-1])
    return {
        "kl_old_new": kl(q.log(), p.log()),
        "kl_new_old": kl(p.log(), q.log()),
        "tv": tv(p.log(), q.log()),
        "chi2": (q * (r - 1).square()).sum(-1),
        "ratio": (r - 1).abs().max(-1).values,
        "fisher": (q * (log_r - (q * log_r).sum(-1, keepdim=True)).square()).sum(-1) / 2,
        "wasserstein": double(
            [wasserstein_distance(places, places, a, b) for a, b in zip(p, q, strict=True)]
        ),
        "euclid": (p - q).norm(dim=-1),
    }


def radii(delta, tokens):
    rho = math.sqrt(2 * delta)
    return {
        "kl_old_new": delta,
        "kl_new_old": delta,
        "fisher": delta,
        "chi2": 2 * delta,
        "ratio": rho,
        "tv": rho / 2,
        "wasserstein": rho / 2,
        "euclid": rho / math.sqrt(tokens),
    }


@pytest.mark.parametrize("tokens", [3, 6])
def test_distances_agree_with_trlib_and_scipy(sources, tokens):
    p, q = pairs(tokens)
    found = sources(
        DISTANCES,
        "(m, [p, q]) => Object.fromEntries(Object.entries(m.distance).map("
        "([key, d]) => [key, p.map((one, i) => d(one, q[i]))]))",
        [p.tolist(), q.tolist()],
    )
    expected = measured(p, q)
    assert sorted(found) == sorted(expected)
    for key, values in expected.items():
        close(found[key], values, atol=1e-15)


def edges(sources, old, delta):
    found = sources(
        MATHS,
        "(m, [keys, q, delta]) => Object.fromEntries(keys.map(key => [key, m.region(key, q, delta)]))",
        [REGIONS, old, delta],
    )
    return {key: double(points) for key, points in found.items()}


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("old", OLD)
def test_an_edge_is_where_its_distance_is_the_radius(sources, old, delta):
    limits = radii(delta, 3)
    q = double(old)
    for key, edge in edges(sources, old, delta).items():
        close(edge.sum(-1), torch.ones_like(edge[:, 0]), rtol=0)
        assert edge.min() >= -1e-15, key
        # On the triangle's own edge a region is cut, and where a ratio is e^-14 no double tells it
        # from 0.
        inner = edge[(edge / q).min(-1).values > 1e-6]
        if len(inner):
            there = measured(inner, q.expand_as(inner))[key]
            close(there, torch.full_like(there, limits[key]), atol=1e-9, of=key)
        if key not in ("kl_old_new", "fisher"):
            outer = edge.clamp(min=1e-300)
            assert bool(
                (measured(outer, q.expand_as(outer))[key] <= limits[key] * (1 + 1e-9) + 1e-9).all()
            ), key


@pytest.mark.parametrize("old", OLD)
def test_an_edge_has_no_gap_and_turns_once_around_the_old_policy(sources, old):
    """Every policy of a grid lies in the polygon exactly where its distance is below the radius."""
    delta = 0.4
    q = double(old)
    steps = torch.linspace(0.003, 0.997, 60, dtype=torch.float64)
    grid = torch.cartesian_prod(steps, steps)
    grid = torch.cat([grid, 1 - grid.sum(-1, keepdim=True)], -1)
    grid = grid[grid[:, 2] > 0.002]
    found, limits = measured(grid, q.expand_as(grid)), radii(delta, 3)
    for key, edge in edges(sources, old, delta).items():
        inside = within(grid, edge)
        clear = (found[key] / limits[key] - 1).abs() > 0.03  # the edge is drawn in straight pieces
        assert bool((inside == (found[key] < limits[key]))[clear].all()), key


def within(points, edge):
    """Even and odd crossings, in the plane of the first two probabilities."""
    (ax, ay), (bx, by) = edge[:, :2].T, edge.roll(-1, 0)[:, :2].T
    x, y = points[:, :1], points[:, 1:2]
    crosses = (ay > y) != (by > y)
    at = ax + (y - ay) / torch.where(by == ay, torch.ones_like(by), by - ay) * (bx - ax)
    return (crosses & (x < at)).sum(-1) % 2 == 1
