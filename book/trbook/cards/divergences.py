"""Regions drawn by a divergence: DPPO, QUATRO and TROLL, chapters 7 to 9."""

from __future__ import annotations

from trbook.cards.card import MethodCard

CARDS = (
    MethodCard(
        "dppo",
        "DPPO",
        "divergence",
        use="Use it when rare words have to be learned: a word of probability 0.001 may grow a "
        "hundredfold, and a likely one that has fallen by 0.15 is pushed down no further.",
        loss=r"-A\,\mathrm{sg}[\rho\,M]\,\log\pi(y_t),\quad\rho=p/\mu",
        weight=r"\begin{cases}0&D>\delta\text{ and outwards}\\\rho A&\text{else}\end{cases}",
        what="the distribution at each token, seen through the sampled token, the top k or all of "
        "them",
        to="the policy that sampled",
        how="a mask where the divergence has passed δ and the push goes outwards",
        ratio="π/μ",
        level="token",
        action="mask",
        signed=True,
        source="Qi et al. 2026",
        arxiv="2602.04879",
        provenance="code",
        read_in="the authors (sail-sg/Stable-RL)",
        functions=("trlib.algorithms.dppo.dppo_loss",),
        chapter="07_dppo",
        paper={"delta_tv": "0.15, the authors' script", "delta_kl": "0.05, the authors' script"},
    ),
    MethodCard(
        "quatro",
        "QUATRO",
        "divergence",
        use="Use it when every prompt, easy or hard, should get a target at the same distance: an "
        "answer that overshoots its target is pulled back.",
        loss=r"-\mathrm{sg}[w]\,\log\pi(y_t)",
        weight=r"h\,(R-m-\lambda\,\ell),\quad\ell=\textstyle\sum_t\log r_t,\quad h=r_t",
        what="each prompt's distribution over whole completions",
        to="the policy that sampled",
        how="a multiplier λ and an offset m per prompt, from the dual of KL ≤ δ",
        ratio="π/μ",
        level="completion",
        action="pull back",
        signed=False,
        source="Lee et al. 2026; the loss is derived here",
        arxiv="2602.04620",
        provenance="ours",
        read_in="the problem that two summaries of the paper state",
        functions=("trlib.algorithms.quatro.quatro_loss",),
        chapter="08_quatro",
        paper={"delta_kl": "not read", "lambda_min": "not read", "form": "not read"},
        remark="The weight changes sign where a completion has passed its target. On the way there "
        "nothing bounds a prompt. The authors' own loss may differ.",
    ),
    MethodCard(
        "troll",
        "TROLL",
        "divergence",
        use="Use it when the bound should hold at every token for the whole distribution, and not "
        "only for the word that was sampled.",
        loss=r"-A\,\frac{\pi(y_t)}{q(y_t)}+\alpha\,\mathrm{KL}(\tilde\pi\Vert\mathrm{sg}[\pi])",
        weight=r"\begin{cases}A r&\text{inside}\\A "
        r"r\,t\,\kappa-\alpha\,\beta&\text{outside}\end{cases}"
        r"\quad\begin{aligned}"
        r"\kappa&=\tfrac{1-\pi_y-\pi_y(d_y-\mathrm{KL})^2/\mathrm{Var}}{1-\tilde\pi_y}\\"
        r"\beta&=\tilde\pi_y\tfrac{\log(\tilde\pi_y/\pi_y)-\mathrm{KL}(\tilde\pi\Vert\pi)}{1-\tilde\pi_y}"
        r"\end{aligned}",
        what="the whole distribution at each token",
        to="the policy before the batch",
        how="a projection, differentiated through; a regression pulls the network to it",
        ratio="π/π_old",
        level="distribution",
        action="project",
        signed=False,
        source="Becker et al. 2025",
        arxiv="2510.03817",
        provenance="code",
        read_in="the authors",
        besides="It has the loss and the settings; weight and backward pass are derived here.",
        functions=("trlib.algorithms.troll.troll_loss",),
        chapter="09_troll",
        paper={"delta_kl": "0.05", "alpha": "1"},
        remark="π is the projection of the network's π̃ on KL(π ‖ q) ≤ δ. The weight is derived here: "
        "d is log π − log q, t the share of the way from q to π̃ at which π lies, and all other "
        "tokens keep their proportions. The figure has two outcomes, so outside the region only "
        "the regression acts. The network samples next, not its projection; without the "
        "regression nothing keeps the two together.",
    ),
)
