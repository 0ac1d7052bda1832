"""The gallery's branch `optimizers`: optimisers as trust regions."""

from __future__ import annotations

from collections.abc import Mapping

from trbook.cards.card import MethodCard, Provenance

BALL, AUON = "trlib.relatives.optimizers.Ball", "trlib.relatives.optimizers.auon"
STEP, BEFORE = "a step of the weights, matrix by matrix", "the weights before the step"
PRODUCTS = "fifteen products of matrices, which is five steps of Newton-Schulz"
SCALE = "one norm and one mean of cosh²"
MOMENTUM = r"W\leftarrow(1-\eta\lambda)W-\eta\,"


def _card(
    name: str,
    title: str,
    use: str,
    loss: str,
    how: str,
    source: str,
    arxiv: str,
    provenance: Provenance,
    read: str,
    remark: str,
    work: str,
    paper: Mapping[str, str] | None = None,
    besides: str = "",
) -> MethodCard:
    return MethodCard(
        name,
        title,
        "optimizers",
        use=use,
        loss=MOMENTUM + loss,
        weight="",
        what=STEP,
        to=BEFORE,
        how=how,
        ratio="none",
        level="parameters",
        action="bound the step",
        signed=None,
        source=source,
        arxiv=arxiv,
        provenance=provenance,
        read_in=read,
        besides=besides,
        functions=(BALL, AUON) if "auon" in name else (BALL,),
        chapter="gallery_optimizers",
        remark=remark,
        paper=paper or {},
        work=f"{work} for every matrix and update; it keeps one average of the gradient, where "
        "AdamW keeps two.",
        no_curve="an optimiser changes the step, and the method beside it sets a token's weight",
    )


CARDS: tuple[MethodCard, ...] = (
    _card(
        "muon",
        "Muon: the spectral ball",
        "Use it when you want to bound the step of a weight matrix in every direction: all "
        "directions move by about the learning rate.",
        r"UV^\top,\quad M=USV^\top",
        "every direction of a matrix that has a gradient moves by about the learning rate, and none "
        "by more",
        "Jordan et al. 2024; as a trust region Kovalev 2025",
        "2503.12645",
        "code",
        "Muon's authors",
        "`optimizer='muon'` beside any method. Five steps of Newton-Schulz stand in for the "
        "singular vectors: a direction whose singular value is far below the largest is not "
        "reached. Vectors step by their sign. The learning rate should be about ten times "
        "AdamW's, or more.",
        PRODUCTS,
        {"betas": "0.95"},
        "That it is a trust region is from the abstract of Kovalev 2025.",
    ),
    _card(
        "frobenius",
        "Normalised descent: the Frobenius ball",
        "Use it when every matrix should take a step of the same length, however large its "
        "gradient.",
        r"M/\lVert M\rVert_F",
        "the step of every matrix has the learning rate's Euclidean length, however large the "
        "gradient",
        "a special case of Kovalev 2025",
        "2503.12645",
        "ours",
        "the step of least inner product with the gradient in the ball",
        "`optimizer='frobenius'` beside any method. The step's direction is the gradient's, so a "
        "few large singular values take nearly all of it.",
        "one norm",
    ),
    _card(
        "sign",
        "Sign descent: the box",
        "Use it when every entry of a matrix should move by the same amount.",
        r"\mathrm{sign}(M)",
        "every entry that has a gradient moves by exactly the learning rate",
        "a special case of Kovalev 2025",
        "2503.12645",
        "ours",
        "the step of least inner product with the gradient in the box",
        "`optimizer='sign'` beside any method. AdamW takes similar steps while a gradient keeps "
        "its sign: there the learning rates compare one to one.",
        "the sign of every entry",
    ),
    _card(
        "auon",
        "AuON",
        "Use it to see what its released code does: it divides by a number that is about 1, so "
        "what remains is gradient descent with momentum.",
        r"\frac{M}{\sqrt{\mathrm{mean}\cosh^2(\gamma M/\lVert M\rVert_F)}}",
        "the step is divided by one number, which is about 1 for any matrix of more than a few "
        "entries",
        "Maity 2025",
        "2509.24320",
        "code",
        "the authors (`auon/optimizer.py`)",
        "`optimizer='auon'` beside any method. Its step is as large as the gradient: where "
        "gradients are small it slows down as gradient descent does.",
        SCALE,
        {"lr": "0.24; 0.08 in the README", "betas": "0.95", "weight_decay": "0"},
    ),
    _card(
        "hybrid_auon",
        "Hybrid-AuON",
        "Use it where you would use Muon: it divides Muon's step by a number that is about 1.",
        r"\frac{X}{\sqrt{\mathrm{mean}\cosh^2(\gamma X/\lVert X\rVert_F)}},\quad "
        r"X=\mathrm{NewtonSchulz}_5(M)",
        "Muon's step, divided by the same number",
        "Maity 2025",
        "2509.24320",
        "code",
        "the authors (`auon/optimizer.py`)",
        "`optimizer='hybrid_auon'` beside any method. The released code takes five steps of "
        "Newton-Schulz; the first abstract speaks of one. In effect it is Muon with Nesterov's "
        "average.",
        f"{PRODUCTS}, {SCALE}",
    ),
)
