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
        use="Use it when wrong answers outweigh right ones: it opens the clip's window until the "
        "right ones count for their share.",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,c_l,\,c_h)\,A\bigr)",
        weight="",
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a clip whose two bounds rise in every update until the tokens with A > 0 count for "
        "their share; and a dual clip",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Xi et al. 2025",
        arxiv="2510.18927",
        provenance="paper",
        read_in="Algorithm 1 and equation 8",
        besides="The defaults and the dual clip are those of the authors' code, `policy_loss.py` of WooooDyy/BAPO.",
        functions=(MODULE + "bapo.bapo_bounds",),
        chapter=HERE,
        paper={
            "low": "0.6",
            "low_most": "0.9; 0.8 in the authors' code",
            "high": "1.2",
            "high_most": "3; 2 in the authors' code",
            "target": "a share of 0.4, here 2/3; 1 in the authors' code",
            "dual_clip": "none; 3 in the authors' code",
            "order": "high-first; low-first in the authors' code",
            "step": "0.05",
            "step_low": "0.02; 0.05 in the authors' code",
            "weigh_by": "rollout; nothing in the authors' code",
        },
        remark="The defaults, and every recorded run, follow the authors' code; "
        "`BAPO(**BAPO_PAPER)` is the paper's "
        "Algorithm 1. The code also counts clipped tokens, which have no gradient, so that "
        'raising c_low leads away from its target; count="gradient" leaves them out.',
        no_curve="the window is searched for again in every batch; inside it the weight is PPO's",
    ),
    MethodCard(
        "minpro",
        "MinPRO",
        "ratios",
        use="Use it when the prefix is stale as well as the token: a token's weight includes the "
        "smallest ratio before it.",
        loss=rf"-\mathrm{{sg}}\bigl[\mathrm{{clip}}(\underline "
        rf"r_t\,r_t,\,{WINDOWED})\bigr]\,A\,\log\pi(y_t),"
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
        provenance="quoted",
        read_in="transcriptions of the paper",
        besides="A public port has it too, with another clip; both ε are our choice.",
        functions=(MODULE + "weights.minpro_loss",),
        chapter=HERE,
        remark="The weights shrink along a completion: low variance is paid for with bias. Like "
        "CISPO it has no region, and many updates per batch take it far. The curve shows a first "
        "token.",
    ),
    MethodCard(
        "cpgd",
        "CPGD",
        "ratios",
        use="Use it when ratios far from 1 make updates too large: the push contains no ratio, "
        "and a weak pull leads back to the old policy.",
        loss=r"-\min\bigl(\ell A,\ \mathrm{clip}(\ell,\log(1-\epsilon),\log(1+\epsilon))\,A\bigr)"
        r"+\alpha\,\mathrm{sg}\bigl[\min(r-1,c)\bigr]\log\pi(y_t),\quad \ell=\log r",
        weight=r"A\,\mathbf 1[\text{kept by the clip}]-\alpha\min(r-1,\,c)",
        what="the log-ratio of each sampled token",
        to=BEFORE,
        how="a clip, and the bounded gradient of a KL that pulls back",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Liu et al. 2025",
        arxiv="2505.12504",
        provenance="paper",
        read_in="equations 1, 2 and 5",
        functions=(MODULE + "weights.cpgd_loss",),
        chapter=HERE,
        paper={
            "eps": "0.2, in a public training script",
            "alpha": "0.01, there too",
            "cap": "0.2, there too",
        },
        remark="The push is A until the clip stops it. The pull back is weak at the default α of "
        "a hundredth.",
    ),
    MethodCard(
        "r2vpo",
        "R2VPO",
        "ratios",
        use="Use it when you want to bound the variance of the ratios, with a penalty that tunes "
        "itself.",
        loss=r"-\bigl(r A-\lambda\,(r-1)^2\bigr)",
        weight=r"r\,\bigl(A-2\lambda\,(r-1)\bigr)",
        what="the mean of (r − 1)², a chi-square divergence",
        to=BEFORE,
        how="a penalty λ on it, moved by dual ascent until the bound is met",
        ratio="π/π_old",
        level="batch",
        action="penalise",
        signed=False,
        source="Luo et al. 2026",
        arxiv="2601.03320",
        provenance="code",
        read_in="a public re-implementation",
        besides="The step of the dual ascent is derived here.",
        functions=(MODULE + "weights.r2vpo_loss",),
        chapter=HERE,
        paper={
            "lam": "0.04, in a public re-implementation",
            "delta": "not read",
            "dual_lr": "not read",
        },
        passes="a forward pass after every update, which measures the variance",
        remark="The weight changes sign at r = 1 + A/(2λ). The curve is drawn at the λ that a run "
        "begins with; a run that stays near lets λ fall to 0, and then nothing holds it back until "
        "the bound is broken.",
    ),
    MethodCard(
        "capo",
        "CAPO",
        "ratios",
        use="Use it when a token should be left out before its own step moves the policy too "
        "far, and not afterwards.",
        loss=r"\begin{aligned}L_t&=-r A\;\mathbf 1\bigl[m_F<\tau_F,\ "
        r"|m_H|<\tau_H\bigr]\\m_F&=\tfrac12 u^\top F u\\"
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
        provenance="code",
        read_in="the authors (luckeciano/stable-pg-llm)",
        besides="The masked loss is ours.",
        functions=(MODULE + "weights.capo_mask",),
        chapter=HERE,
        paper={
            "tau_f": "0.0001; 0.01 or 0.001 with Dr.GRPO",
            "tau_h": "0.01; 0.0005 with Dr.GRPO",
            "fisher": '"empirical", in the authors\' code',
        },
        remark="The prediction is for plain gradient descent on one token; a step of "
        "Adam moves a policy much further. The empirical Fisher over-predicts for rare tokens "
        "and drops them first.",
        no_curve="the mask depends on the hidden state and on the learning rate, and not on the "
        "ratio alone",
    ),
    MethodCard(
        "trefree",
        "TREFree",
        "ratios",
        use="Use it when advantages differ much in size: the larger a token's advantage, the "
        "narrower its window.",
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
        provenance="ours",
        read_in="the bound that the abstract states",
        besides="That a clip keeps it is derived here.",
        functions=(MODULE + "windows.trefree_loss",),
        chapter=HERE,
        paper={"delta": "not read"},
        remark="Where all advantages have the same size it is PPO. The curve is drawn at |A| = "
        "1/2: a window of 0.2.",
    ),
    MethodCard(
        "pb_ppo",
        "Pb-PPO",
        "ratios",
        use="Use it when you do not know how wide the clip should be: a bandit tries several "
        "widths during the run.",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,1-\epsilon_k,\,1+\epsilon_k)\,A\bigr),\quad "
        r"k=\arg\max_i\ \bar R_i+c\sqrt{\ln t/n_i}",
        weight=CLIPPED.replace("_l", "_k").replace("_h", "_k"),
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a clip, whose width a bandit chooses for every batch by what each has earned so far",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Zhang et al. 2023",
        arxiv="2312.07624",
        provenance="ours",
        read_in="the abstract and the README of the code",
        chapter=HERE,
        paper={"arms": "not read", "c": "not read"},
        remark="It uses no preference pairs: the preference in its name is for a width. While "
        "a policy improves, widths that were tried late look better than those tried early. The "
        "curve is drawn with its first width.",
    ),
    MethodCard(
        "kl3_clip",
        "KL3 clip",
        "ratios",
        use="Use it when you want to state PPO's window in nats: one threshold sets both of its "
        "edges.",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,1-\epsilon_l,\,1+\epsilon_h)\,A\bigr),\quad "
        r"r-1-\log r=\delta\ \text{at both edges}",
        weight=CLIPPED,
        what="the estimate k3 = r − 1 − log r of a token's KL",
        to=BEFORE,
        how="a clip where k3 reaches δ, which is wider above 1 than below",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Wu et al. 2026",
        arxiv="2602.05494",
        provenance="ours",
        read_in="the asymmetric clip of which the abstract speaks",
        besides="δ and the threshold on k3 are our choice.",
        functions=(MODULE + "windows.kl3_window",),
        chapter=HERE,
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n"
        "+ low, high = roots(r - 1 - log(r) == 0.023)      # 0.8 and 1.23\n"
        "+ loss = -min(r * A, clip(r, low, high) * A)",
        paper={"delta": "not read"},
        remark="Any δ is a PPO clip with another pair of edges: at δ = .023 the window is .80 to 1.23.",
    ),
    MethodCard(
        "bandpo",
        "BandPO",
        "ratios",
        use="Use it when rare tokens should be free to grow: a token's window is as wide as a KL "
        "of its distribution allows, and never narrower than PPO's.",
        loss=r"-r A\;\mathbf 1\bigl[r\in[1-\epsilon_l,\,1+\epsilon_h]\ \text{or}\ "
        r"\mathrm{KL}_{\text{binary}}(\pi_{\mathrm{old}}\,\|\,\pi)\le\delta\ "
        r"\text{or inwards}\bigr]",
        weight=r"\begin{cases}0&\text{outside both, and outwards}\\r A&\text{else}\end{cases}",
        what="the KL of the sampled token against all others",
        to=BEFORE,
        how="a mask for tokens outside both PPO's window and that KL",
        ratio="π/π_old",
        level="token",
        action="mask",
        signed=True,
        source="Li et al. 2026",
        arxiv="2603.04918",
        provenance="code",
        read_in="the authors (`verl/bandpo/band` of OpenMOSS/BandPO)",
        functions=(MODULE + "windows.bandpo_loss",),
        chapter=HERE,
        diff="- keep = clip_keeps(r, A, 0.8, 1.2)\n"
        "+ keep = clip_keeps(r, A, 0.8, 1.28) | (binary_kl(old, new) <= 0.05)\n"
        "  loss = -r * A * keep",
        paper={
            "delta": "0.05, in the authors' code",
            "eps_low": "0.2",
            "eps_high": "0.28",
            "most": "100",
        },
    ),
    MethodCard(
        "turn_ppo",
        "Turn-PPO",
        "ratios",
        use="Use it when an agent acts in turns: each turn is kept or left as a whole, by the mean "
        "of its tokens' log-ratios.",
        loss=rf"-\min\bigl(s_k A,\ \mathrm{{clip}}(s_k,\,{WINDOWED})\,A\bigr),\quad "
        r"s_k=e^{\frac1{|k|}\sum_{t\in k}\log r_t}\ \text{for turn}\ k",
        weight="",
        what="the geometric mean of a turn's ratios",
        to=BEFORE,
        how="a clip of whole turns",
        ratio="π/π_old",
        level="completion",
        action="clip",
        signed=True,
        source="Li et al. 2025",
        arxiv="2511.20718",
        provenance="ours",
        read_in="the abstracts of both versions",
        besides="The critic and the normalisation by what was clipped are left out. Another paper has the same name: "
        "[2512.17008](https://arxiv.org/abs/2512.17008), PPO with a critic in which a turn is one action; its advantages are not "
        "here.",
        functions=(MODULE + "windows.turns_of", "trlib.algorithms.gspo.gspo_loss"),
        chapter=HERE,
        diff="- s = exp(mean(log(r)))              # GSPO: of the completion\n"
        "+ s = exp(mean(log(r[turn])))        # of the token's turn\n"
        "  loss = -min(s * A, clip(s, 0.8, 1.2) * A)",
        paper={"eps_low": "not read", "eps_high": "not read"},
        remark="It stands between PPO, whose turns are single tokens, and GSPO, whose only turn is "
        "the completion. A turn ends where the environment answers.",
        no_curve="a completion of one turn has GSPO's weight",
    ),
    MethodCard(
        "ripo",
        "RIPO",
        "ratios",
        use="Use it when rare tokens should move as freely as the distance between two policies "
        "allows: the rarer a token, the wider its window.",
        loss=r"-\min\bigl(r A,\ \mathrm{clip}(r,\,1-\epsilon,\,1+\epsilon)\,A\bigr),\quad"
        r"\epsilon=\sqrt{\delta/q}",
        weight=r"\begin{cases}0&q\,(r-1)^2>\delta\ \text{and outwards}\\r A&\text{else}\end{cases}",
        what="the token's share q (r − 1)² of a chi-square divergence",
        to=BEFORE,
        how=WINDOW + "; q is the token's probability before the batch",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Cai et al. 2026",
        arxiv="2607.10169",
        provenance="quoted",
        read_in="summaries of the paper",
        functions=(MODULE + "windows.ripo_loss",),
        chapter=HERE,
        paper={"delta": "0.05, in the summaries"},
        remark="A token of probability below δ may fall to 0: its window reaches below every "
        "ratio. DPPO asks nearly the same of the distance that the token has moved, without the "
        "root.",
    ),
)
