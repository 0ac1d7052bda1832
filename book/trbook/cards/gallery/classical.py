"""The gallery's branch `classical`: classical, and two players."""

from __future__ import annotations

from trbook.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "fdnet",
        "FDNet's Newton-CG",
        "classical",
        use="Use it when you can compute products with the Hessian of the loss itself: each step "
        "stays within a radius that adapts.",
        loss=r"\min_s\ g^\top s+\tfrac12 s^\top H s\quad\text{s.t.}\quad\lVert s\rVert\le\Delta",
        weight="",
        what="the parameters",
        to="where they are",
        how="a radius: conjugate gradients stop at the ball's edge",
        ratio="none",
        level="parameters",
        action="bound the step",
        signed=None,
        source="Shi et al. 2020",
        arxiv="2006.01892",
        provenance="code",
        read_in="the authors (TRCG)",
        besides="The loss over unrolled steps follows the abstract.",
        functions=("trlib.relatives.classical.newton_cg",),
        chapter="gallery_classical",
        remark="The radius grows when a step lowers the loss by as much as its model promised, and "
        "shrinks when it does not.",
        paper={"radius": "0.1, in the authors' code", "largest": "2, in the authors' code"},
        no_curve="it lowers any loss; there are no tokens",
        work="Each step takes one gradient, up to 120 products with the Hessian (each costs about "
        "as much as one more gradient), and one more value of the loss.",
        example='python -c "import torch; from trlib.relatives.classical import newton_cg as f; '
        "print(f(lambda x: (x "
        '** 2 - 1).square().sum(), torch.tensor([.5, 2.]))[-1])"',
    ),
    MethodCard(
        "affine_scaling",
        "Affine scaling",
        "classical",
        use="Use it when you solve equations whose unknowns have bounds, such as probabilities: "
        "steps are short towards a bound that is near.",
        loss=r"\min_s\ \tfrac12\lVert F+Js\rVert^2\quad\text{s.t.}\quad\lVert "
        r"D^{-1/2}s\rVert\le\Delta,\quad l<x+s<u",
        weight="",
        what="the parameters",
        to="where they are, and away from their bounds",
        how="a radius, in a ball that is thinner where a bound is nearer",
        ratio="none",
        level="parameters",
        action="bound the step",
        signed=None,
        source="Ayanzadeh, Yazdanian and Shahamatnia 2019",
        arxiv="1904.09209",
        provenance="ours",
        read_in="what the abstract describes",
        besides="The matrices that it combines are those of the literature.",
        functions=(
            "trlib.relatives.classical.scaled_tr_solve",
            "trlib.relatives.classical.affine_scaling",
        ),
        chapter="gallery_classical",
        remark="The abstract combines known scalings; we have not read its weights, and `mix` takes "
        "half of each. On probabilities, with the bound p ≥ 0, the scaling of Coleman and Li is "
        "the Fisher metric, and its step is the natural gradient.",
        no_curve="it solves equations; there are no tokens",
        work="Each step takes the whole Jacobian, up to 4n products with it and its transpose for "
        "n unknowns, and one more value of the equations.",
        example='python -c "import torch; from trlib.relatives.classical import scaled_tr_solve '
        "as f; print(f(lambda "
        'x: x ** 2 - .25, torch.tensor([.9]), torch.tensor([0.]), torch.tensor([1.]))[-1])"',
    ),
    MethodCard(
        "ga_matr",
        "GA-MATR: MATRL's step",
        "classical",
        use="Use it when two players learn at once: each steps against what the other will play, "
        "and not against what it plays now.",
        loss=r"p'\propto p\,e^{tU_1\tilde q},\qquad q'\propto q\,e^{t\tilde p^{\top}U_2}",
        weight="",
        what="each player's policy",
        to="where it is",
        how="each takes a KL step against what the other will play",
        ratio="none",
        level="distribution",
        action="penalise",
        signed=None,
        source="Feng et al. 2024",
        arxiv="2401.17880",
        provenance="ours",
        read_in="the abstracts of GA-MATR and MATRL",
        functions=(
            "trlib.relatives.classical.matrl_step",
            "trlib.relatives.classical.graph_attention",
        ),
        chapter="gallery_classical",
        remark="The three steps are MATRL's (arXiv 2106.06828): as we read GA-MATR's abstract, it "
        "takes them over. What the other will play is the equilibrium of a game of two moves "
        "each, stay or step; it is always pure. Its critic attends to neighbours. The simulator "
        "of flying stations was not rebuilt.",
        no_curve="it moves whole strategies; there are no tokens",
        work="A step of both players takes six products of a payoff matrix with their strategies, "
        "and a game of two by two that it solves by comparing payoffs.",
        example='python -c "import torch; from trlib.relatives.classical import matrl_step as f; '
        "print(f(torch.tensor([[1., -1], [-1, 1]]), torch.tensor([[-1., 1], [1, -1]]), "
        "torch.tensor([.9, "
        '.1]), torch.tensor([.5, .5]), .3))"',
    ),
)
