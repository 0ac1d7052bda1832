"""The gallery's branch `optimizers`: optimisers as trust regions."""

from __future__ import annotations

from trbook.cards.card import MethodCard, Provenance

BALL, AUON = "trlib.relatives.optimizers.Ball", "trlib.relatives.optimizers.auon"
STEP, BEFORE = "a step of the weights, matrix by matrix", "the weights before the step"
MOMENTUM = r"W\leftarrow(1-\eta\lambda)W-\eta\,"


def _card(
    name: str, title: str, loss: str, how: str, source: str, arxiv: str, provenance: Provenance, read: str, remark: str
) -> MethodCard:
    return MethodCard(
        name,
        title,
        "optimizers",
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
        functions=(BALL, AUON) if "auon" in name else (BALL,),
        chapter="gallery_optimizers",
        remark=remark,
    )


CARDS: tuple[MethodCard, ...] = (
    _card(
        "muon",
        "Muon: the spectral ball",
        r"UV^\top,\quad M=USV^\top",
        "no direction of a matrix moves by more than the learning rate; all with a gradient move by about as much",
        "Jordan et al. 2024; as a trust region Kovalev 2025",
        "2503.12645",
        "read in the authors' code",
        "Muon's; as a trust region: the abstract of Kovalev 2025",
        "`optimizer='muon'` beside any method. Five steps of Newton-Schulz stand for the singular vectors: a "
        "direction whose singular value is far below the largest is not reached. Vectors step by their sign. The "
        "learning rate wants to be about ten times AdamW's, or more.",
    ),
    _card(
        "frobenius",
        "Normalised descent: the Frobenius ball",
        r"M/\lVert M\rVert_F",
        "the step of every matrix has the learning rate's Euclidean length, however large the gradient",
        "a special case of Kovalev 2025",
        "2503.12645",
        "derived here",
        "the step of least inner product with the gradient in the ball",
        "`optimizer='frobenius'` beside any method. The step's direction is the gradient's, so a few large singular "
        "values take nearly all of it.",
    ),
    _card(
        "sign",
        "Sign descent: the box",
        r"\mathrm{sign}(M)",
        "no entry moves by more than the learning rate; all with a gradient move by exactly as much",
        "a special case of Kovalev 2025",
        "2503.12645",
        "derived here",
        "the step of least inner product with the gradient in the box",
        "`optimizer='sign'` beside any method. AdamW steps alike while a gradient keeps its sign: there the learning "
        "rates compare one to one.",
    ),
    _card(
        "auon",
        "AuON",
        r"\frac{M}{\sqrt{\mathrm{mean}\cosh^2(\gamma M/\lVert M\rVert_F)}}",
        "the step is divided by one number, which is about 1 for any matrix of more than a few entries",
        "Maity 2025",
        "2509.24320",
        "read in the authors' code",
        "`auon/optimizer.py`",
        "`optimizer='auon'` beside any method. In the authors' `auon/optimizer.py`, which this is, the step is as "
        "large as the gradient: where gradients are small it slows down as gradient descent does. Their older "
        "`Auon_Adam_train.py` divides the matrix by its norm first: its steps have a length of about 1, and no run "
        "here.",
    ),
    _card(
        "hybrid_auon",
        "Hybrid-AuON",
        r"\frac{X}{\sqrt{\mathrm{mean}\cosh^2(\gamma X/\lVert X\rVert_F)}},\quad X=\mathrm{NewtonSchulz}_5(M)",
        "Muon's step, divided by the same number",
        "Maity 2025",
        "2509.24320",
        "read in the authors' code",
        "`auon/optimizer.py`",
        "`optimizer='hybrid_auon'` beside any method. The released code takes five steps of Newton-Schulz, the "
        "first abstract speaks of one. With the number about 1 it is Muon with Nesterov's average.",
    ),
)
