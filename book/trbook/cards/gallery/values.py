"""The gallery's branch `values`: advantages and values."""

from __future__ import annotations

from trbook.cards.card import MethodCard
from trbook.cards.ratios import BEFORE, CLIP, CLIPPED, TOKEN_RATIO, WINDOW

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "opo",
        "OPO",
        "values",
        use="Use it when answers differ in length and every batch gives one update: its baseline "
        "weights each reward by the answer's length.",
        loss=r"-r\,A,\quad A_i=R_i-\frac{\sum_j|y_j|\,R_j}{\sum_j|y_j|}",
        weight=r"r\,A",
        what="nothing",
        to="nothing",
        how="one update per batch, then fresh data; the baseline has the least variance if a "
        "score's squared norm grows with the length",
        ratio="π/π_old",
        level="token",
        action="nothing",
        signed=None,
        source="Hao et al. 2025",
        arxiv="2505.23585",
        provenance="code",
        read_in="the authors (`opo` of microsoft/LMOps)",
        functions=("trlib.advantages.length_weighted",),
        chapter="gallery_values",
        paper={"advantage": "length-weighted"},
        remark="In the paper's regime every ratio is 1 and the weight is A.",
    ),
    MethodCard(
        "asymre",
        "AsymRE",
        "values",
        use="Use it when a batch is used often, or is old: a baseline below the mean pushes right "
        "answers up more than it pushes wrong ones down.",
        loss=r"-(R-V+\delta)\,\log\pi(y_t)",
        weight=r"R-V+\delta",
        what="nothing",
        to="nothing",
        how="a baseline that is lower than the group's mean by δ. In a table, fitted to the end, "
        "this is a radius: with V below every reward the limit is known",
        ratio="none",
        level="token",
        action="nothing",
        signed=None,
        source="Arnal et al. 2025",
        arxiv="2506.20520",
        provenance="quoted",
        read_in="summaries of the paper",
        besides="Trinity-RFT's `asymre_advantage.py` has the same shift of .1 below the group's mean.",
        functions=("trlib.relatives.values.AsymRE",),
        chapter="gallery_values",
        paper={"shift": "0.1, in the summaries"},
        remark="`shift` is a setting of every method, and `advantage=reward` lowers the baseline "
        "to 0. The summaries report that with the mean itself all of seven runs collapse.",
    ),
    MethodCard(
        "centered",
        "Score centering",
        "values",
        use="Use it when the sampler is not quite the learner, by its precision, its engine or its "
        "age: it takes away what that difference pushes in every batch.",
        loss=r"-A\,\Bigl(\mathrm{sg}[\omega]\log p(y_t)-\sum_v\mathrm{sg}[q(v)\,\omega(v)]\log p(v)\Bigr)",
        weight="",
        what="nothing",
        to="the policy that sampled",
        how="the sampler's mean push is subtracted at every token; ω is 1, a truncated ratio, or a "
        "mask",
        ratio="none",
        level="distribution",
        action="center",
        signed=None,
        source="Marek and Ryabinin 2026",
        arxiv="2609.20807",
        provenance="code",
        read_in="vllm-project/vime and PrimeIntellect-ai/prime-rl",
        besides="NeMo-RL's guide has the same formula in words.",
        functions=(
            "trlib.algorithms.centering.center_scores",
            "trlib.algorithms.centering.center_scores_topk",
            "trlib.algorithms.centering.weighted_loss",
        ),
        chapter="gallery_values",
        paper={"topk": "128, in vime's experiment lab and in verl's open request"},
        passes="two backward passes at a batch's first update, for the history's `drift` and "
        "`covariance`; `halves=False` leaves them out",
        remark="With ω = p/q it changes nothing, because the ratio's mean push is 0; and where the "
        "sampler is the learner there is nothing to subtract. `center=False` is the same loss without "
        "it.",
        no_curve="what is subtracted depends on the whole distribution",
    ),
    MethodCard(
        "gae",
        "GAE, with its critic's trust region",
        "values",
        use="Use it when the critic is useful but not exact: λ chooses between its bias and the "
        "noise of rewards, and a bound keeps it from jumping.",
        loss=CLIP,
        weight=CLIPPED,
        what="the critic's values",
        to="its values before the batch",
        how="a bound on their mean squared move, in units of the critic's own error; PPO's clip "
        "stays for the policy, where the paper uses TRPO",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Schulman et al. 2016",
        arxiv="1506.02438",
        provenance="paper",
        read_in="equation 16 and section 5",
        functions=("trlib.advantages.gae", "trlib.algorithms.critic.value_loss"),
        chapter="gallery_values",
        paper={"gamma": "0.99, in control", "lam": "0.95 to 0.98, in control"},
        remark="λ = 1 trusts the rewards, λ = 0 the critic. With a wrong critic the error is "
        "least in between.",
    ),
    MethodCard(
        "dvpo",
        "DVPO",
        "values",
        use="Use it when some rewards are wrong: the critic learns quantiles, and the lowest are "
        "pulled towards the median.",
        loss=CLIP + r"+\tfrac1N\sum_i\rho_{\tau_i}(R-q_i)",
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE,
        how=WINDOW
        + "; the critic predicts quantiles, and their lower tail is pulled in before GAE",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Zhu et al. 2025",
        arxiv="2512.03847",
        provenance="ours",
        read_in="what the abstract describes",
        besides="The constants are our choice, too.",
        functions=("trlib.relatives.values.quantile_loss",),
        chapter="gallery_values",
        remark="Where only the lower tail is spoilt, a plain median is better still; what DVPO "
        "keeps is the upper tail.",
    ),
    MethodCard(
        "iterative_amortized",
        "Iterative amortised policy optimisation",
        "values",
        use="Use it when one network has to guess an action distribution for every state: a "
        "learned update improves each guess.",
        loss=r"\lambda\leftarrow\lambda+f_\phi\bigl(\lambda,\,\nabla_\lambda "
        r"J(\lambda)\bigr),\quad "
        r"J(\lambda)=\mathbb{E}_{q_\lambda}[Q]-\alpha\,\mathrm{KL}(q_\lambda\Vert p)",
        weight="",
        what="an action distribution",
        to="a prior, by the objective's KL",
        how="an update that is learned, from the objective's gradient at the present guess",
        ratio="none",
        level="distribution",
        action="penalise",
        signed=None,
        source="Marino et al. 2020",
        arxiv="2010.10670",
        provenance="ours",
        read_in="what the abstract describes",
        besides="The released code's update is gated; this one is not.",
        chapter="gallery_values",
        remark="It closes the gap between what one network guesses for every state and what is "
        "best in each.",
        no_curve="it improves a whole distribution; no token has a weight",
        work="Each step takes one gradient of the objective in the distribution's parameters, and "
        "one pass through the network that has learned the update.",
        example='python -c "import torch; from trlib.relatives.values import '
        "iterative_amortized_step as f; "
        'print(f(torch.zeros(1, 2), lambda x: -(x - 1).square().sum(-1), lambda x, g: g / 4))"',
    ),
)
