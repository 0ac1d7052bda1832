"""The gallery's branch `finetuning`: supervision that stays near a function."""

from __future__ import annotations

from trbook.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "smart",
        "SMART",
        "finetuning",
        use="Use it when an expert's answers should not overwrite what the model knew: two "
        "penalties keep its outputs "
        "near those of its own average and steady under small changes of the input.",
        loss=r"L+\mu\,D(\pi_{\tilde\theta},\pi_\theta)+\lambda\,D(\pi_\theta(x+\delta),\pi_\theta(x)),\quad "
        r"D(a,b)=\mathrm{KL}(a\Vert b)+\mathrm{KL}(b\Vert a)",
        weight="",
        what="the distribution at the expert's tokens",
        to="that of a moving average of the weights, and that at slightly changed embedded tokens",
        how="two penalties; the tokens are changed in the worst direction, found by one step up the "
        "second penalty",
        ratio="none",
        level="distribution",
        action="penalise",
        signed=None,
        source="Jiang et al. 2020",
        arxiv="1911.03437",
        provenance="quoted",
        read_in="a summary of the paper",
        functions=("trlib.relatives.finetuning.SMART",),
        chapter="gallery_finetuning",
        paper={"average": "0.99"},
        passes="three more forward and two more backward passes",
        remark="Its penalty is a KL in both directions, on an expert's answers. The average lives in "
        "the run's memory, so a second run begins with its own.",
        no_curve="its penalties compare whole distributions, which the ratio of one token does "
        "not determine",
    ),
    MethodCard(
        "tram",
        "TRAM",
        "finetuning",
        use="Use it when fine-tuning should end where the loss is flat: the further the "
        "model has moved, the wider it looks around.",
        loss=r"\theta\leftarrow\theta-\eta\,\nabla "
        r"L\bigl(\theta+\rho\,D(\pi_{\theta_0},\pi_\theta)\,"
        r"g/\lVert g\rVert\bigr),\quad g=\nabla L(\theta)",
        weight="",
        what="the loss in a ball of weights",
        to="the weights now; its radius is the distance from the first policy",
        how="the gradient is taken uphill, the further the more the function has moved",
        ratio="none",
        level="parameters",
        action="smooth",
        signed=None,
        source="Sherborne et al. 2023",
        arxiv="2310.03646",
        provenance="ours",
        read_in="what the abstract describes",
        besides='form="asam" is equation 7 of the paper.',
        functions=("trlib.relatives.finetuning.SAM",),
        chapter="gallery_finetuning",
        passes="one more forward and backward pass at the weights uphill, and a forward pass of "
        "the first policy",
        paper={"form": '"asam", with ρ = 1', "rho": "none"},
        remark="The recorded run is SAM's form, built from the abstract. The paper's, equation 7, is "
        "`SAM(measured=True, rho=1.0, form='asam')`, with ASAM's ball and a KL in one "
        "direction; it has no recorded run.",
        no_curve="loss and weight are those of supervision; only the parameters at which the "
        "gradient is taken move",
    ),
    MethodCard(
        "sam",
        "SAM",
        "finetuning",
        use="Use it when fine-tuning should end where the loss is flat, and you can pay for a "
        "second gradient per update.",
        loss=r"\theta\leftarrow\theta-\eta\,\nabla L\bigl(\theta+\rho\,g/\lVert "
        r"g\rVert\bigr),\quad g=\nabla L(\theta)",
        weight="",
        what="the loss in a ball of weights",
        to="the weights now",
        how="the gradient is taken at the edge of the ball, uphill",
        ratio="none",
        level="parameters",
        action="smooth",
        signed=None,
        source="Foret et al. 2020",
        arxiv="2010.01412",
        provenance="code",
        read_in="the authors (`sam_jax/training_utils/flax_training.py`)",
        functions=("trlib.relatives.finetuning.SAM",),
        chapter="gallery_finetuning",
        paper={"rho": "0.05"},
        passes="one more forward and backward pass at the weights uphill",
        remark="Its ball is no trust region: nothing is kept close.",
        no_curve="loss and weight are those of supervision; only the parameters at which the "
        "gradient is taken move",
    ),
)
