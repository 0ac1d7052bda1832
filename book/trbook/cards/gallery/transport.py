"""The gallery's branch `transport`: optimal transport."""

from __future__ import annotations

from trbook.cards.card import MethodCard

BEFORE = "the distribution before the step"

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "wpo",
        "WPO",
        "transport",
        use="Use it when some actions are nearer to each other than others: moving probability "
        "costs as much as the distance it travels.",
        loss=r"\max_{\pi'}\,\langle\pi',A\rangle\quad\text{with}\quad "
        r"W_1(\pi',\pi)\le\delta:\qquad "
        r"i\to\arg\max_j\,A_j-\beta^\star d_{ij}",
        weight="",
        what="the distribution over actions",
        to=BEFORE,
        how="moving probability costs its distance; the budget is δ, and ties at the price β* are "
        "split",
        ratio="none",
        level="distribution",
        action="transport",
        signed=None,
        source="Song et al. 2023",
        arxiv="2306.14133",
        provenance="code",
        read_in="an author",
        besides="It is tabular.",
        functions=("trlib.relatives.transport.wpo_update",),
        chapter="gallery_transport",
        remark="With distances of 0 and 1 the region is total variation, as in DPPO.",
        paper={"delta": "0.01, in one variant of the authors' code"},
        no_curve="it sets probabilities by a closed form, and no token has a weight",
        work="It makes no pass through a network. From K probabilities, K advantages and K × K "
        "distances it searches the price of distance by bisection, and each step of the search "
        "looks at all K² pairs.",
        example='python -c "import torch; from trlib.relatives.transport import wpo_update as f; '
        "print(f(torch.tensor([.5, .3, .2]), torch.tensor([0., 1, 2]), torch.tensor([[0., 1, 2], "
        "[1, 0, 1], "
        '[2, 1, 0]]), .5))"',
    ),
    MethodCard(
        "spo",
        "SPO (Sinkhorn)",
        "transport",
        use="Use it when some actions are nearer to each other than others and WPO's step is too "
        "abrupt: every action gets a share of the probability that moves.",
        loss=r"\pi'_j=\sum_i\pi_i\,\mathrm{softmax}_j\bigl(\tfrac\lambda\beta\,(A_j-\beta\,d_{ij})\bigr)",
        weight="",
        what="the distribution over actions",
        to=BEFORE,
        how="the same transport with a bonus for the plan's entropy: every action gets a share",
        ratio="none",
        level="distribution",
        action="transport",
        signed=None,
        source="Song et al. 2023; the formula is derived here",
        arxiv="2306.14133",
        provenance="ours",
        read_in="the Lagrangian, with the entropy inside the Sinkhorn distance",
        functions=("trlib.relatives.transport.spo_update",),
        chapter="gallery_transport",
        remark="The larger λ is, the nearer it comes to WPO's step at the same price, ties aside.",
        no_curve="it sets probabilities by a closed form, and no token has a weight",
        work="It makes no pass through a network. From K probabilities, K advantages and K × K "
        "distances it computes one softmax per action.",
        example='python -c "import torch; from trlib.relatives.transport import spo_update as f; '
        "print(f(torch.tensor([.5, .3, .2]), torch.tensor([0., 1, 2]), torch.tensor([[0., 1, 2], "
        "[1, 0, 1], "
        '[2, 1, 0]]), 5))"',
    ),
)
