"""The gallery's branch `regression`: regression to the optimum."""

from __future__ import annotations

from trbook.cards.card import MethodCard

BEFORE = "the policy before the batch"

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "rebel",
        "REBEL",
        "regression",
        use="Use it when you prefer least squares to a clip: the log-ratios of two answers should "
        "differ as their rewards do.",
        loss=r"\bigl(\ell_i-\ell_j-\eta\,(R_i-R_j)\bigr)^2,\quad\ell=\textstyle\sum_t\log r_t",
        weight=r"2\sum_j\bigl(\eta\,(R_i-R_j)-(\ell_i-\ell_j)\bigr)",
        what="differences of log-ratios between two completions of a prompt",
        to=BEFORE,
        how="least squares: the difference should be η times that of the rewards",
        ratio="π/π_old",
        level="pair",
        action="regress",
        signed=False,
        source="Gao et al. 2024",
        arxiv="2404.16767",
        provenance="code",
        read_in="the authors (`src/tldr/rebel.py`)",
        functions=("trlib.relatives.regression.REBEL",),
        chapter="gallery_regression",
        paper={"eta": "1, the authors' code"},
        remark="The loss is 0 at the exponential tilt π ∝ π_old exp(ηR), and only there if the pairs "
        "connect all answers. Otherwise each group of connected answers has a free constant. A "
        "prompt whose rewards are equal still has a gradient: it pulls the log-ratios back "
        "towards each other.",
    ),
    MethodCard(
        "lco",
        "LCO",
        "regression",
        use="Use it when you know an advantage for every word, and not only for the sampled one: "
        "the logits are fitted to the best policy near the old one.",
        loss=r"\mathrm{KL}(\pi^\ast\Vert\pi),\quad\pi^\ast\propto\pi_\mathrm{old}\,e^{A/\beta}",
        weight=r"\frac{\pi^\ast_y-\pi_y}{1-\pi_y}",
        what="the logits at each token",
        to="those of the optimum of a KL-regularised step from " + BEFORE,
        how="a regression that is convex in the logits: cross-entropy, squares or log-cosh",
        ratio="π/π_old",
        level="distribution",
        action="regress",
        signed=False,
        source="Chen et al. 2026",
        arxiv="2603.00963",
        provenance="ours",
        read_in="two summaries",
        besides="The targets are derived here.",
        functions=("trlib.relatives.regression.lco_loss",),
        chapter="gallery_regression",
        paper={"beta": "not read", "kind": "all three"},
        remark='The loss is that of kind "kld". If only sampled tokens have an advantage, the '
        "targets average to a tilt by π_old A/β not by A/β, and a baseline changes them.",
    ),
    MethodCard(
        "rover",
        "ROVER",
        "regression",
        use="Use it when you want several right answers and not only one: it fits the values of a "
        "policy that chooses at random, so every way to a right answer keeps some probability.",
        loss=r"\bigl(Q_t-\mathrm{sg}[A+Q'_t]\bigr)^2,\quad Q_t=\rho\log r_t,\quad "
        r"Q'_t=\rho\,\tfrac1V\textstyle\sum_v\log r(v\mid s_{t+1})",
        weight=r"2\rho\,\bigl(A+Q'_t-\rho\log r_t\bigr)",
        what="the log-ratio of each token, read as a value",
        to=BEFORE,
        how="one step of the Bellman equation of the uniform policy, by least squares",
        ratio="π/π_old",
        level="token",
        action="regress",
        signed=False,
        source="He et al. 2025",
        arxiv="2509.24981",
        provenance="code",
        read_in="the authors (tinnerhrhe/ROVER)",
        functions=("trlib.relatives.regression.rover_loss",),
        chapter="gallery_regression",
        paper={"rho": "1, the authors' code"},
        remark="After the last token the value of what follows is 0. In a tree the uniform "
        "policy's values fall with the depth, so the temperature ρ has to fall too.",
    ),
    MethodCard(
        "klpo",
        "KLPO",
        "regression",
        use="Use it when there is only one answer to each prompt: it needs no group and no critic, "
        "and a price on log p/q holds it near the sampler.",
        loss=r"-\mathrm{sg}\bigl[R-\beta\log\tfrac pq\bigr]\,\Bigl(\log p(y_t)-\sum_v\mathrm{sg}[q(v)]\log p(v)\Bigr)",
        weight="",
        what="the log-ratio of each sampled token",
        to="the policy that sampled",
        how="a push that turns where R = β log p/q, on centered scores; the optimum is the tilt q "
        "e^(R/β)",
        ratio="π/μ",
        level="token",
        action="regress",
        signed=False,
        source="a report that we did not read, by way of TRL",
        provenance="code",
        read_in="TRL's documentation of `trl.experimental.klpo`, at huggingface/trl",
        functions=("trlib.relatives.regression.KLPO",),
        chapter="gallery_regression",
        paper={"beta": "0.1", "topk": '128, with kl_estimator="topk"'},
        remark="TRL sums over 128 extra draws of the sampler unless told otherwise; here the sum is "
        "over the whole vocabulary, or over the top k and a modelled tail.",
        no_curve="what is subtracted depends on the whole distribution",
    ),
)
