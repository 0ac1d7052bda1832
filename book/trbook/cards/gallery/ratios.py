"""The gallery's branch `ratios`: ratios and clips."""

from __future__ import annotations

from trbook.cards.card import MethodCard
from trbook.cards.ratios import BEFORE, CLIPPED, TOKEN_RATIO, WINDOW, WINDOWED

HERE = "gallery_ratios"
MODULE = "trlib.relatives.ratios."

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "bapo",
        "BAPO",
        "ratios",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,c_l,\,c_h)\,A\bigr)",
        weight="",
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a clip whose window every update widens above and narrows below, until the tokens with A > 0 count as "
        "much as those with A < 0; and a dual clip",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Xi et al. 2025",
        arxiv="2510.18927",
        functions=(MODULE + "bapo_bounds",),
        chapter=HERE,
        paper={
            "low": "0.6",
            "low_most": "0.9; 0.8 in the authors' code",
            "high": "1.2",
            "high_most": "3; 2 in the authors' code",
            "target": "1, said as a share of 0.5",
            "dual_clip": "3, in the authors' code",
        },
        remark="No curve is drawn, since the window is the batch's: inside it the weight is PPO's. The released code "
        "counts clipped constants, so that raising c_low moves its statistic away from the target; "
        'count="gradient" counts what has a gradient.',
    ),
    MethodCard(
        "minpro",
        "MinPRO",
        "ratios",
        loss=rf"-\mathrm{{sg}}\bigl[\mathrm{{clip}}(\underline r_t\,r_t,\,{WINDOWED})\bigr]\,A\,\log\pi(y_t),"
        r"\quad \underline r_t=\min_{i<t} r_i",
        weight=rf"\mathrm{{clip}}(\underline r_t\,r_t,\,{WINDOWED})\,A",
        what="the weight a token enters with, its prefix included",
        to="1, its value at " + BEFORE,
        how="a clamp: no token is silenced",
        ratio="π/π_old",
        level="prefix",
        action="clamp",
        signed=False,
        source="Lei, Cheng and Tao 2026",
        arxiv="2601.22718",
        functions=(MODULE + "minpro_loss",),
        chapter=HERE,
        remark="The minimum's mean is below 1, so the weights shrink along a completion: low variance is paid with "
        "bias. Like CISPO it has no region, and many updates per batch take it far. The curve is a first "
        "token's.",
    ),
    MethodCard(
        "cpgd",
        "CPGD",
        "ratios",
        loss=r"-\min\bigl(\ell A,\ \mathrm{clip}(\ell,\log(1-\epsilon),\log(1+\epsilon))\,A\bigr)"
        r"+\alpha\,\mathrm{sg}\bigl[\min(r-1,c)\bigr]\log\pi(y_t),\quad \ell=\log r",
        weight=r"A\,\mathbf 1[\text{kept by the clip}]-\alpha\min(r-1,\,c)",
        what="the log-ratio of each sampled token",
        to=BEFORE,
        how="a clip, and beside it the bounded gradient of a KL back",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Liu et al. 2025",
        arxiv="2505.12504",
        functions=(MODULE + "cpgd_loss",),
        chapter=HERE,
        paper={"eps": "0.2, in a public training script", "alpha": "0.01, there too", "cap": "0.2, there too"},
        remark="The push holds no ratio: a token weighs A until the clip stops it. What pulls back is weak at the "
        "default α of a hundredth.",
    ),
    MethodCard(
        "r2vpo",
        "R2VPO",
        "ratios",
        loss=r"-\bigl(r A-\lambda\,(r-1)^2\bigr)",
        weight=r"r\,\bigl(A-2\lambda\,(r-1)\bigr)",
        what="the mean of (r − 1)², a chi-square divergence",
        to=BEFORE,
        how="a price λ on it, moved by dual ascent until the bound is met",
        ratio="π/π_old",
        level="batch",
        action="penalise",
        signed=False,
        source="Luo et al. 2026",
        arxiv="2601.03320",
        functions=(MODULE + "r2vpo_loss",),
        chapter=HERE,
        paper={"lam": "0.04, in a public re-implementation", "delta": "not seen", "dual_lr": "not seen"},
        remark="The weight changes its sign at r = 1 + A/(2λ). The curve is drawn at the λ that a run begins with; a "
        "run that stays near lets λ fall to 0, and then nothing holds it until the bound is broken.",
    ),
    MethodCard(
        "capo",
        "CAPO",
        "ratios",
        loss=r"\begin{aligned}L_t&=-r A\;\mathbf 1\bigl[m_F<\tau_F,\ |m_H|<\tau_H\bigr]\\m_F&=\tfrac12 u^\top F u\\"
        r"m_H&=r A\,v^\top u+\tfrac12 r A\bigl((v^\top u)^2-u^\top F u\bigr)\\"
        r"u&=\eta\,r A\,\lVert h\rVert^2 v,\quad v=\mathbf 1_{y_t}-\pi\end{aligned}",
        weight="",
        what="how far a token's own step would move its distribution",
        to="where the policy stands before this update",
        how="a mask, before the step is taken, from a quadratic model of the last layer",
        ratio="π/π_old",
        level="token",
        action="mask",
        signed=False,
        source="Melo, Abate and Gal 2025",
        arxiv="2510.00819",
        functions=(MODULE + "capo_mask",),
        chapter=HERE,
        paper={
            "tau_f": "0.0001; 0.01 or 0.001 with Dr.GRPO",
            "tau_h": "0.01; 0.0005 with Dr.GRPO",
            "fisher": '"empirical", in the authors\' code',
        },
        remark="No curve is drawn, since the mask depends on the hidden state and the learning rate. The prediction is "
        "of plain gradient descent on one token; a step of Adam moves a policy much further. The empirical "
        "Fisher over-predicts for rare tokens and drops them first.",
    ),
    MethodCard(
        "trefree",
        "TREFree",
        "ratios",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,1-\tfrac{\delta}{|A|},\,1+\tfrac{\delta}{|A|})\,A\bigr)",
        weight=r"\begin{cases}0&|A|\,|r-1|>\delta\ \text{and outwards}\\r A&\text{else}\end{cases}",
        what="the ratio of each sampled token, times the size of its advantage",
        to=BEFORE,
        how=WINDOW,
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Sun et al. 2023",
        arxiv="2302.07985",
        functions=(MODULE + "trefree_loss",),
        chapter=HERE,
        after="the abstract",
        paper={"delta": "not seen"},
        remark="Where all advantages have one size it is PPO. The curve is drawn at |A| = 1/2: a window of 0.2.",
    ),
    MethodCard(
        "pb_ppo",
        "Pb-PPO",
        "ratios",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,1-\epsilon_k,\,1+\epsilon_k)\,A\bigr),\quad "
        r"k=\arg\max_i\ \bar R_i+c\sqrt{\ln t/n_i}",
        weight=CLIPPED.replace("_l", "_k").replace("_h", "_k"),
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a clip, whose width a bandit chooses for every batch by what widths have earned",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Zhang et al. 2023",
        arxiv="2312.07624",
        chapter=HERE,
        after="the abstract",
        paper={"arms": "not seen", "c": "not seen"},
        remark="The preference of its name is the task's for a width; there are no preference pairs. While a policy "
        "improves, widths that were tried late look better than those tried early. Drawn with its first width.",
    ),
)
