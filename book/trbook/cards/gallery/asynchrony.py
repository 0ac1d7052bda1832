"""The gallery's branch `asynchrony`: stale, asynchronous and long."""

from __future__ import annotations

from typing import Any

from trbook.cards.card import MethodCard
from trbook.cards.ratios import BEFORE, CLIP, GROUP, PPO_LOSS, TOKEN_RATIO, WINDOWED

HERE = "13_long_stale_noisy"
"""The chapter that becomes the branch's page."""
MODULE = "trlib.relatives.asynchrony."
CORRECTION = "trlib.corrections.truncated_importance"
SAMPLER = "the policy that sampled"
KEPT = r"-r A\;\mathbf 1[\text{kept}]"


def _correction(name: str, title: str, how: str, diff: str, **more: Any) -> MethodCard:
    """PPO's clip with a factor for the sampler on its advantages."""
    return MethodCard(
        name,
        title,
        "asynchrony",
        loss=r"c\,\bigl("
        + CLIP
        + r"\bigr),\quad c=\mathrm{sg}\bigl[f(\pi_{\mathrm{old}}/\mu)\bigr]",
        weight="",
        to=SAMPLER,
        how=how + "; PPO's clip stays",
        ratio="π_old/μ",
        signed=False,
        provenance="code",
        functions=(CORRECTION,),
        chapter=HERE,
        no_curve="the weight is PPO's, times a factor that stays fixed during a batch",
        diff=f"- c = 1\n+ c = {diff}\n  loss = -c * min(r * A, clip(r, 0.8, 1.2) * A)",
        **{"what": "the ratio of learner to sampler of each token", "level": "token", **more},
    )


def _masked(name: str, title: str, diff: str, **more: Any) -> MethodCard:
    """The policy gradient without the tokens that a rule leaves out."""
    return MethodCard(
        name,
        title,
        "asynchrony",
        loss=KEPT,
        to=SAMPLER,
        ratio="π/μ",
        chapter=HERE,
        diff=f"- loss = -r * A\n+ loss = -r * A * {diff}",
        **{"weight": r"r A\;\mathbf 1[\text{kept}]", **more},
    )


def _kin(words: str) -> str:
    """What the recorded corrections contain of a method."""
    link = "../recorded.md#corrections-level-bounds-dropped-completions"
    return f"In [`corrected`]({link}) the nearest run has {words}."


WHOLE: dict[str, Any] = {
    "what": "the product of a completion's ratios of learner to sampler",
    "level": "completion",
}
YAO = "Yao et al. 2025"
LIU = "Liu, Li et al. 2025"

CARDS: tuple[MethodCard, ...] = (
    _correction(
        "tis",
        "TIS",
        "a factor with an upper bound on every token's push",
        "min(pi_old / mu, 2)",
        use="Use it when another engine or an older policy sampled: each token is weighted by learner over sampler, up "
        "to a cap.",
        long="truncated importance sampling, of tokens",
        action="clamp",
        source=YAO,
        read_in="verl 0.9.1 (`rollout_is` and `rollout_rs`)",
        paper={"correction": "a cap of 2, in verl"},
        near=_kin("this factor, *token, at most 2*"),
        remark="It corrects for the sampler; the trust region is the clip next to it. "
        "Where the sampler "
        "is batches behind, a token's ratio ignores that another policy wrote its prefix too.",
    ),
    _correction(
        "tis_seq",
        "TIS of sequences",
        "one factor for the whole completion, with an upper bound",
        "min(product(pi_old / mu), 2)",
        use="Use it when an older policy wrote the whole answer, prefix included: one weight corrects all of it, up to "
        "a cap.",
        long="truncated importance sampling, of completions",
        action="clamp",
        source=LIU,
        read_in="verl 0.9.1 (`rollout_is` and `rollout_rs`)",
        besides="Who proposed it is from verl's documents and TRL's issue 4493.",
        paper={"correction": "a cap of 2, in verl; 3 in TRL's sequence_truncate"},
        near=_kin("this factor, *product, at most 2*"),
        remark="Unbiased except for the cap. Over a long completion the product is near 0 or at the cap, so few "
        "completions carry the update and the mean factor falls: `trlib.corrections.expected_weight` says how far.",
        **WHOLE,
    ),
    _correction(
        "mis",
        "MIS",
        "a factor on every token's push, and no push where it is above a bound",
        "where(pi_old / mu <= 2, pi_old / mu, 0)",
        use="Use it when a token that the learner finds much likelier than its sampler did should be left out, and not "
        "merely capped.",
        long="masked importance sampling, of tokens",
        action="mask",
        source=LIU,
        read_in="TRL 1.16.0 (`token_mask`)",
        besides="`rollout_is` of verl 0.9.1 has a lower bound too.",
        paper={"correction": "a cap of 3, in TRL"},
        near=_kin("a mask with a lower bound too, *token, .5 to 2*"),
        remark="Below the bound it is TIS. Above it TIS still pushes, MIS does not.",
    ),
    _correction(
        "mis_seq",
        "MIS of sequences",
        "one factor for the whole completion, which is dropped where it is above a bound",
        "where(product(pi_old / mu) <= 2, product(pi_old / mu), 0)",
        use="Use it when a whole answer that the learner finds much likelier than its sampler did should be left out.",
        long="masked importance sampling, of completions",
        action="drop",
        source=LIU,
        read_in="TRL 1.16.0 (`sequence_mask`, its default)",
        besides="verl calls it Seq-MIS: its document drops a completion whose product is above the "
        "bound, its preset `decoupled_seq_is_rs` one whose product is outside 0.5 to 2.",
        paper={"correction": "a cap of 3, in TRL; from 0.5 to 2, in verl's preset"},
        near=_kin("a mask with a lower bound too, *product, .5 to 2*"),
        remark="Over a long completion most products are near 0 and are kept, at a weight of about "
        "0; `trlib.corrections.expected_weight` says what is left on average.",
        **WHOLE,
    ),
    _correction(
        "geo_mask",
        "Geometric mask",
        "a completion is dropped where the geometric mean of its ratios is outside a window around 1; no factor",
        "(0.999 <= geometric_mean(pi_old / mu) <= 1.001)",
        use="Use it when sampler and learner should agree on average over an answer: what is outside a narrow window "
        "is dropped whole.",
        action="drop",
        source=LIU,
        read_in="verl 0.9.1 (`seq_mean_k1`, for the inverse ratio)",
        paper={"correction": "from 0.999 to 1.001, in verl"},
        what="the geometric mean of a completion's ratios of learner to sampler",
        level="completion",
        near=_kin("a window ten times as wide, *mean, .99 to 1.01*"),
        remark="A mean does not grow with the length, so long completions are not the first to go. Ratios above "
        "and below 1 cancel in it.",
    ),
    _correction(
        "icepop",
        "IcePop",
        "a factor on every token's push, and no push where it is outside a window",
        "where(0.5 <= pi_old / mu <= 5, pi_old / mu, 0)",
        use="Use it when a mismatch in either direction is suspect: a token far from its sampler's probability, up or "
        "down, is left out.",
        action="mask",
        source="Ling Team 2025",
        arxiv="2510.18855",
        read_in="verl 0.9.1 (`decoupled_token_icepop`)",
        paper={"correction": "from 0.5 to 5, in verl"},
        near=_kin("a narrower window, *token, .5 to 2*"),
        remark="MIS with a lower bound too.",
    ),
    MethodCard(
        "vespo",
        "VESPO",
        "asynchrony",
        use="Use it when whole answers are stale and you want no edge: an answer's weight fades as its probability "
        "moves either way.",
        loss=r"-\mathrm{sg}\bigl[W^k e^{\lambda(1-W)}\bigr]\,A\,\log\pi(y_t),\quad W=\textstyle\prod_t r_t",
        weight=r"W^k e^{\lambda(1-W)}\,A",
        what="the product of a completion's ratios",
        to=SAMPLER,
        how="a weight that fades on both sides, without an edge; its shape depends on the sign of A",
        ratio="π/μ",
        level="completion",
        action="soften",
        signed=False,
        source="Shen et al. 2026",
        arxiv="2602.10693",
        provenance="code",
        read_in="the authors (`recipe/vespo/code/core_algos.py` of FloyedShen/VESPO)",
        functions=(MODULE + "weights.vespo_loss",),
        chapter=HERE,
        paper={
            "k_pos": "2",
            "lam_pos": "3; its docstring says 1.5",
            "k_neg": "3; its docstring says 4",
            "lam_neg": "2; its docstring says 2.5",
        },
        diff="- loss = -sg(clip(r, 0.8, 1.2)) * A * logp\n"
        "+ W = product(r)                       # of the whole completion\n"
        "+ loss = -sg(W ** k * exp(lam * (1 - W))) * A * logp",
        remark="The product is not divided by the length, so over long completions W is soon far "
        "from 1 and the weight near 0. The curve is of a single token.",
    ),
    MethodCard(
        "topr",
        "TOPR",
        "asynchrony",
        use="Use it when old data hold both right and wrong answers: right ones are imitated in full, and wrong ones "
        "that have become unlikely are let go.",
        loss=r"-\mathrm{sg}[c]\,A\,\log\pi(y_t),\quad c=\begin{cases}1&A\ge0\\\min\bigl(\prod_t r_t,\,1\bigr)&A<0"
        r"\end{cases}",
        weight=r"c\,A",
        what="the weight that a wrong completion enters with",
        to=SAMPLER,
        how="right answers are imitated at full weight; the ratio of wrong ones is bounded by 1",
        ratio="π/μ",
        level="completion",
        action="clamp",
        signed=True,
        source="Le Roux et al. 2025",
        arxiv="2503.14286",
        provenance="quoted",
        read_in="summaries of the paper",
        besides="Trinity-RFT's port has it with the ratio of a token.",
        functions=(MODULE + "weights.topr_loss",),
        chapter=HERE,
        paper={"level": "completion, in the summaries"},
        diff="- c = r\n+ c = 1 if A >= 0 else min(product(r), 1)\n  loss = -sg(c) * A * logp",
        remark="Letting go keeps a wrong answer's log-prob from running away. Nothing holds "
        "back the imitation of right ones.",
    ),
    MethodCard(
        "ctpo",
        "CTPO",
        "asynchrony",
        use="Use it when answers are long and their prefixes stale: a token is judged with all that came before it, in "
        "a window that widens with its position.",
        loss=r"\begin{aligned}L_t&=-\min\bigl(R_t A,\ \mathrm{clip}(R_t,\,e^{-a\sqrt t},\,e^{b\sqrt t})\,A\bigr)\\"
        r"R_t&=\textstyle\prod_{i\le t} r_i\end{aligned}",
        weight=r"\begin{cases}0&A>0,\ R_t>e^{b\sqrt t}\\0&A<0,\ R_t<e^{-a\sqrt t}\ \text{or}\ R_t>e^{c\sqrt t}\\"
        r"R_t A&\text{else}\end{cases}",
        what="the product of the ratios so far",
        to=BEFORE,
        how="a clip, in a window that widens with the square root of the position, and a dual clip that widens too",
        ratio="π/π_old",
        level="prefix",
        action="clip",
        signed=True,
        source="Zhang et al. 2026",
        arxiv="2605.07331",
        provenance="code",
        read_in="the authors (`cum-token-cumprod-la` of horizon-llm/CTPO)",
        functions=(MODULE + "weights.ctpo_loss",),
        chapter=HERE,
        paper={
            "low": "0.025",
            "high": "0.05",
            "cap": "0.05",
            "power": "0.5, in the code with the product",
        },
        diff="- loss = -min(r[t] * A, clip(r[t], 0.8, 1.2) * A)\n"
        "+ R = r[1] * ... * r[t]\n"
        "+ loss = -min(R * A, clip(R, exp(-a * sqrt(t)), exp(b * sqrt(t))) * A)",
        remark="R is the exact weight of a token whose prefix came from another policy. The curve shows a first token, "
        "whose window is narrow; at the hundredth token it is ten times as wide in log r.",
    ),
    MethodCard(
        "a3po",
        "A-3PO",
        "asynchrony",
        use="Use it when the sampler is several batches behind: the clip is drawn around a policy "
        "between sampler and learner, which costs no further forward pass.",
        loss=r"\begin{aligned}L_t&=-c\,\min\bigl(r' A,\\&\qquad\mathrm{clip}(r',\,"
        + WINDOWED
        + r")\,A\bigr)\\r'&=\pi/\pi_{\mathrm{prox}},\quad c=\mathrm{sg}[\pi_{\mathrm{prox}}/\mu]\\"
        r"\pi_{\mathrm{prox}}&=\mathrm{sg}\bigl[\mu\,(\pi/\mu)^{a/(a+1)}\bigr]\end{aligned}",
        weight=r"\begin{cases}0&r'\ \text{outside the window, or}\ c>5\\r A&\text{else}\end{cases}",
        what=TOKEN_RATIO,
        to="a policy between the one that sampled and the one that learns",
        how="a clip around the policy in between, and a factor that leads from the sampler to it",
        ratio="π/μ",
        level="token",
        action="clip",
        signed=True,
        source="Li, Wu and Shen 2025",
        arxiv="2512.06547",
        provenance="code",
        read_in="the authors (`prox_approx.md`, `actor.py` and `gsm8k_grpo_prox_approx.yaml` of AReaL at 4aef98d8)",
        functions=(MODULE + "weights.a3po_loss", PPO_LOSS),
        chapter=HERE,
        paper={
            "eps_low": "0.4, in AReaL's example",
            "eps_high": "0.4, in AReaL's example",
            "cap": "5, in AReaL's example",
        },
        diff="- prox = forward_pass(old_weights)       # decoupled PPO\n"
        "+ prox = mu * (pi / mu) ** (age / (age + 1))\n"
        "  loss = -sg(prox / mu) * min(pi / prox * A, clip(pi / prox, 0.8, 1.2) * A)",
        remark="From a sampler that is a batches old, the policy in between lies a/(a + 1) of the way "
        "to the learner, in log-probs, and the clip sees only the rest. At a = 9 the bound of "
        "1.2 is passed when π/μ is 6.2. The curve is drawn at age 0, where it is PPO's.",
    ),
    MethodCard(
        "luspo",
        "LUSPO",
        "asynchrony",
        use="Use it when GSPO makes the tokens of long answers count too little: each answer counts in proportion to "
        "its length.",
        loss=rf"-\min\bigl(s A,\ \mathrm{{clip}}(s,\,{WINDOWED})\,A\bigr)\ \text{{for every token}},"
        r"\quad s=e^{\frac1T\sum_t\log r_t}",
        weight="",
        what="the geometric mean of a completion's ratios",
        to=BEFORE,
        how="a clip of whole completions, each of which counts in proportion to its length",
        ratio="π/π_old",
        level="completion",
        action="clip",
        signed=True,
        source="Liu et al. 2026",
        arxiv="2602.05261",
        provenance="code",
        read_in='TRL 1.16.0 (loss_type="luspo")',
        functions=("trlib.algorithms.gspo.gspo_loss",),
        chapter=HERE,
        paper={"aggregation": "each completion's loss times its length"},
        diff="- loss = mean(mean(loss[i]) for each completion i)     # GSPO\n"
        "+ loss = mean(sum(loss[i]) for each completion i)",
        remark="GSPO divides by the length of the completion; here all tokens push alike.",
        no_curve="the weight of a token is GSPO's, times the completion's length",
    ),
    MethodCard(
        "vcpo",
        "VCPO",
        "asynchrony",
        use="Use it when a few stale answers carry the whole batch: the fewer they are, the shorter the step.",
        loss=r"-c\,r A,\quad c=\min\bigl(\textstyle\prod_t\pi_{\mathrm{old}}/\mu,\,8\bigr),\qquad "
        r"\eta'=\eta\,\sqrt{\frac{(\sum_i w_i)^2}{B\sum_i w_i^2}}",
        weight="",
        what="the weights",
        to="the weights before the step",
        how="a step that is shorter when fewer completions carry the update, by their effective sample size",
        ratio="π_old/μ",
        level="batch",
        action="bound the step",
        signed=None,
        source="Huang et al. 2026",
        arxiv="2602.17616",
        provenance="code",
        read_in="the authors (`megatron_actor.py` and the scripts for GSM8K and MATH of mit-han-lab/vcpo at c7f030f0)",
        besides="Its baseline of least variance is left out, and so is the 0.55 in its multi-turn "
        "script, against which it measures the share.",
        functions=(CORRECTION,),
        chapter=HERE,
        paper={
            "advantage": "group-std",
            "aggregation": "seq-mean-token-mean",
            "correction": "of completions, a cap of 8",
            "power": "0.5",
        },
        diff="  w = product(pi_old / mu)                # of each completion\n"
        "- step(lr)\n"
        "+ step(lr * sqrt(sum(w) ** 2 / (B * sum(w ** 2))))",
        remark="It asks how much the data can say, not where the policy goes. A batch in which one completion "
        "has all the weight takes a step √(1/B) times as long.",
        no_curve="what changes is the length of the step; the weight is r A",
    ),
    _masked(
        "m2po",
        "M2PO",
        "keep     # without the largest log(r) ** 2, until their mean is 0.04",
        use="Use it when data are stale but most tokens still fit: it leaves out the most "
        "extreme ones until the rest is within a budget.",
        what="the mean of log² r over the tokens that the update would take further away",
        how="the tokens of largest log² r are left out, where an update would take them further, until the mean of the "
        "others is at most 0.04",
        level="batch",
        action="mask",
        signed=True,
        source="Zheng et al. 2025",
        arxiv="2510.01161",
        provenance="code",
        read_in="AReaL at 4aef98d8",
        besides="It masks; the authors' code, Infini-AI-Lab/M2PO at af54a3ec, caps instead.",
        functions=("trlib.corrections.m2po_mask", MODULE + "masks.M2PO"),
        paper={"budget": "0.04"},
        weight="",
        no_curve="which tokens are left out depends on all tokens of the batch",
    ),
    MethodCard(
        "opsm",
        "OPSM",
        "asynchrony",
        use="Use it when stale wrong answers do harm: one that the policy has already moved away from is dropped.",
        loss=CLIP + r"\ \text{ unless }\ A<0,\ \tfrac1T\textstyle\sum_t\log\tfrac\mu\pi>\delta",
        weight="",
        what="the mean log-ratio of a completion with A < 0",
        to=SAMPLER,
        how="a completion with A < 0 is dropped once it has left the sampler's policy; PPO's clip stays",
        ratio="π/μ",
        level="completion",
        action="drop",
        signed=True,
        source="DeepSeek 2025",
        arxiv="2512.02556",
        provenance="code",
        read_in="TRL 1.16.0, which calls it equation 9",
        functions=("trlib.corrections.opsm_mask", MODULE + "masks.OPSM"),
        chapter=HERE,
        long="off-policy sequence masking",
        paper={"delta": "not said; ports take from 0.0001 to 0.5"},
        diff="- keep = True\n+ keep = A >= 0 or mean(log(mu / pi)) <= delta     # of the completion\n"
        "  loss = -min(r * A, clip(r, 0.8, 1.2) * A) * keep",
        near=_kin("this rule at another threshold, *drop at 0.01*"),
        no_curve="inside, the weight is PPO's; outside it is 0 for the whole completion",
    ),
    _masked(
        "trm",
        "TRM",
        "(max(k2) <= delta and mean(k3) <= delta_mean)     # of the completion",
        use="Use it when one bad token should disqualify an answer: the whole answer is dropped if "
        "one token has moved too far, or all of them have on average.",
        what="the largest and the mean KL of a completion's tokens",
        how="a completion is dropped if any of its tokens leaves the region, or all of them on average",
        level="completion",
        action="drop",
        signed=False,
        source="Li et al. 2025",
        arxiv="2512.23075",
        provenance="code",
        read_in="public ports in slime and verl",
        besides="The paper of CPPO quotes both thresholds.",
        functions=(MODULE + "masks.trm_mask",),
        paper={"delta_max": "0.1, as CPPO's paper quotes it", "delta_mean": "0.002, likewise"},
        remark="A single token can drop an answer of a thousand. With the mean's threshold of 0.002 "
        "nats, a completion of a few tokens is soon dropped whole; the curve's one-token "
        "completion is dropped at a |log r| of 0.06.",
    ),
    _masked(
        "ln_trm",
        "LN-TRM",
        "(weighted_mean(abs(r - 1), by=min(1, sqrt(delta * left / 2))) <= 0.06)",
        use="Use it when long answers should not be dropped for being long: a mean decides, in which early tokens "
        "count more than late ones.",
        what="a weighted mean of |r − 1| over a completion",
        how="a completion is dropped if that mean is too large; a token counts the more, the more "
        "text follows it",
        level="completion",
        action="drop",
        signed=False,
        source="Li et al. 2025",
        arxiv="2512.23075",
        provenance="quoted",
        read_in="public notes on an appendix",
        besides="The threshold is our choice. One of the three bounds there is left out, because we assume that it never decides.",
        functions=(MODULE + "masks.ln_trm_mask",),
        long="length-neutral TRM",
        paper={"delta_mean": "not read", "delta": "not read"},
        remark="TRM's maximum drops long completions first, because they have more tokens to "
        "offend with.",
        weight="",
        no_curve="the last token of a completion has no weight, so a completion of one token is always kept",
    ),
    MethodCard(
        "stale_mask",
        "Staleness mask",
        "asynchrony",
        use="Use it when answers are written across several updates: tokens of a policy that is too old are read but "
        "not trained on.",
        loss=CLIP + r"\ \text{ on tokens whose policy is at most }\ k\ \text{ batches old}",
        weight="",
        what="the age of the policy that wrote a token",
        to="the policy that learns",
        how="tokens that are too old leave the mask; PPO's clip stays",
        ratio="π/π_old",
        level="token",
        action="mask",
        signed=False,
        source="prime-rl and xtuner 2026",
        provenance="ours",
        read_in="the descriptions of prime-rl's pull request 2957 and xtuner's 2003",
        functions=(MODULE + "masks.StaleMask", PPO_LOSS),
        chapter=HERE,
        paper={"max_age": "8, in prime-rl"},
        diff="- mask = mask\n+ mask = mask & (age <= 8)\n  loss = -min(r * A, clip(r, 0.8, 1.2) * A)",
        remark="Age alone decides, however little a token's probability has moved. Old tokens still count "
        "for their group's baseline, and no prompt is dropped.",
        no_curve="a token that is young enough has PPO's weight",
    ),
    _masked(
        "sao",
        "SAO",
        "(0.7 < r < 6)      # A from a critic",
        use="Use it when a group of answers per prompt is too dear, or too slow to wait for: one answer and a "
        "critic are enough, and one ratio covers mismatch, age and updates.",
        what="the ratio of each token to the policy that sampled it",
        how="a token outside the window is left out, whatever its advantage; a critic gives the advantages, so one "
        "completion per prompt is enough",
        level="token",
        action="mask",
        signed=False,
        source="Hou et al. 2026",
        arxiv="2607.07508",
        provenance="code",
        read_in="TorchTrade at 5b1f72d7 (`sao_loss.py`) and twinkle at 71ff3700 (`loss/sao.py`), both on "
        "26 November 2026; not in the paper",
        besides="Its gradient is that of verl 0.9.1 with `bypass_mode=True`, `loss_type=reinforce`, `rollout_is=token` and "
        "`rollout_is_threshold=0.7_6.0`, in verl's older trainer; a test compares them. The value differs: verl and "
        "twinkle multiply log π by a fixed weight, TorchTrade and we take the ratio itself. None of the three libraries "
        "is by the authors.",
        functions=(MODULE + "masks.dis_mask", MODULE + "masks.SAO"),
        long="single-rollout asynchronous optimisation; its mask is DIS, direct double-sided importance sampling",
        paper={
            "eps_low": "0.3 for mathematics, 0.8 for software",
            "eps_high": "5 for mathematics, 3 for software",
            "critic_speed": "two updates of the critic for one of the policy's",
            "lam": "depends on the completion's length",
        },
        remark="A narrow window is no safer: from 0.8 to 1.2 most runs break that learn with the paper's window, and "
        "PPO's clip in the same window holds. Most likely because the mask silences tokens on their way back too.",
    ),
    _masked(
        "vaco",
        "VACO",
        "(mean(abs(r - 1)) <= delta or A * log(r) <= 0)",
        use="Use it when an answer that has moved too far still has something to teach: in it "
        "only tokens on their way back keep their gradient.",
        what="the mean of |r − 1| over a completion",
        how="in a completion that is too far, the tokens that an update would take further are left out",
        level="completion",
        action="mask",
        signed=True,
        source="Honari et al. 2026",
        arxiv="2603.01365",
        provenance="code",
        read_in="one of the authors (open-instruct at e6c3044a, where the ratio is π_old/μ)",
        besides="Measuring the present policy is our choice. The source has moved since: on a branch of July 2026 (5c2bf9ab) "
        "open-instruct averages how much a token's probability has changed, |π − μ|, in place of |r − 1|. The card is that of the "
        "pinned commit, and thresholds of one do not carry over to the other.",
        functions=(MODULE + "masks.vaco_mask",),
        paper={"delta": "not read; 2 in open-instruct's tests"},
        remark="A completion that is near keeps all of its tokens, however far one has gone. The "
        "curve is of a single token.",
    ),
    _masked(
        "cppo",
        "CPPO (prefix)",
        "(w[t] * D[t] <= min(delta, delta + b * W - S) or A * (r - 1) <= 0)",
        use="Use it when errors at the start of an answer matter most: early tokens get a "
        "narrower threshold, and every prefix a budget.",
        what="the absolute change of the token's probability, and of all before it",
        how="a threshold that is narrower for early tokens, and a budget of divergence for the whole prefix",
        level="prefix",
        action="mask",
        signed=True,
        source="Mao et al. 2026",
        arxiv="2606.10968",
        provenance="paper",
        read_in="equations 8 to 11",
        besides="Checked against the authors' code, `cppo.py` of Tencent-Hunyuan/UniRL at 30899fcf.",
        functions=(MODULE + "masks.cppo_mask",),
        long="cumulative prefix-divergence policy optimisation",
        paper={"delta": "0.15 or 0.2", "delta_prefix": "0.02", "w_min": "0.8"},
        remark="Once a prefix has spent its budget, its tokens may only go back. The curve is that "
        "of a first token, whose threshold δ is the narrowest, with a prefix that has spent nothing.",
    ),
    MethodCard(
        "clip_cov",
        "clip-cov",
        "asynchrony",
        use="Use it when entropy falls too fast: a few of the tokens that make the policy surer lose their gradient.",
        loss=CLIP
        + r"\ \text{ of all tokens but a few,}\ \text{ drawn where }\ 1<(\log\pi-\overline{\log\pi})(A-\bar A)<5",
        weight="",
        what="how log-prob and advantage vary together",
        to=BEFORE,
        how="a few tokens, drawn where the two vary together, lose their gradient; PPO's clip stays",
        ratio="π/π_old",
        level="batch",
        action="mask",
        signed=True,
        source="Cui et al. 2025",
        arxiv="2505.22617",
        provenance="code",
        read_in="the authors (PRIME-RL/Entropy-Mechanism-of-RL at 8850579f, and verl 0.9.1 after it)",
        functions=(MODULE + "masks.clip_cov_mask",),
        chapter=HERE,
        paper={
            "share": "0.0002",
            "low": "1",
            "high": "5",
            "eps_low": "1, in both of the authors' scripts",
            "eps_high": "1, in both of the authors' scripts",
        },
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n"
        "+ cov = (logp - mean(logp)) * (A - mean(A))\n"
        "+ loss = -min(r * A, clip(r, 0.8, 1.2) * A) * ~drawn(1 < cov < 5, 0.0002)",
        remark="It preserves entropy, not a distance. In the authors' code the clip acts only above a "
        "ratio of 2, so the draw does nearly all of the work there. At least one token is "
        "drawn, so the share is larger in a small minibatch.",
        no_curve="which tokens are drawn depends on all tokens of the batch, and on chance",
    ),
    MethodCard(
        "drpo",
        "DRPO",
        "asynchrony",
        use="Use it when rare tokens should move nearly freely and you want no hard edge: a "
        "penalty grows with the change of a token's probability.",
        loss=r"-r A+|A|\,\mu(y_t)\,\frac{(r-1)^2}{2\epsilon}",
        weight=r"r\bigl(A-|A|\,\mu(y_t)\,\tfrac{r-1}{\epsilon}\bigr)",
        what="the absolute change of the sampled token's probability",
        to=SAMPLER,
        how="a quadratic penalty, times the token's probability",
        ratio="π/μ",
        level="token",
        action="pull back",
        signed=False,
        source="Yao et al. 2026",
        arxiv="2606.09821",
        provenance="code",
        read_in="the authors (`drpo.py` of Tencent-Hunyuan/UniRL at 1a7b501b)",
        functions=(MODULE + "penalties.quadratic_loss",),
        chapter=HERE,
        long="divergence-regularised policy optimisation",
        paper={"eps": "12.5"},
        diff="- loss = -r * A * (abs(pi - mu) <= delta)     # DPPO, outwards\n"
        "+ loss = -r * A + abs(A) * mu * (r - 1) ** 2 / (2 * eps)",
        remark="The push turns at |π − μ| = ε. No probability changes by more than 1, so the default "
        "of 12.5 hardly acts: the push stays within 8 % of the unclipped one (derived here). At "
        "ε = 0.15 the push turns at DPPO's threshold.",
    ),
    MethodCard(
        "cfpo",
        "CFPO",
        "asynchrony",
        use="Use it when a token outside the clip's window should be pulled back, and not only let go.",
        loss=r"-r A+|A|\,\frac{(r-1)^2}{2\epsilon}",
        weight=r"r\bigl(A-|A|\,\tfrac{r-1}{\epsilon}\bigr)",
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a quadratic penalty on every token alike",
        ratio="π/π_old",
        level="token",
        action="pull back",
        signed=False,
        source="Çağatan et al. 2026; as SPO, Xie et al. 2024",
        arxiv="2601.22801",
        provenance="code",
        read_in="the authors of simple policy optimisation (SPO)",
        besides="That CFPO takes this loss to language models is from its abstract.",
        functions=(MODULE + "penalties.quadratic_loss",),
        chapter=HERE,
        paper={"eps": "that of the clip it replaces"},
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n+ loss = -r * A + abs(A) * (r - 1) ** 2 / (2 * eps)",
        remark="Its push is 0 where PPO's clip begins. Beyond, the pull grows with the distance.",
    ),
    MethodCard(
        "dro",
        "DRO",
        "asynchrony",
        use="Use it when data are too old for ratios and credit is given token by token: a "
        "quadratic penalty on the log-ratio holds each token back.",
        loss=r"-\bigl(A\,\log\pi(y_t)-\tfrac\beta2\log^2 r\bigr)",
        weight=r"A-\beta\log r",
        what="the square of each token's log-ratio",
        to=BEFORE,
        how="a penalty on it, so that the push ends at log r = A/β",
        ratio="π/π_old",
        level="token",
        action="pull back",
        signed=False,
        source="Richemond et al. 2024",
        arxiv="2405.19107",
        provenance="code",
        read_in="verl 0.9.1",
        besides="Tinker's documents print the same.",
        functions=(MODULE + "penalties.dro_loss",),
        chapter=HERE,
        paper={"beta": "0.05, in Tinker's example; verl requires one"},
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n+ loss = -(A * logp - beta / 2 * log(r) ** 2)",
        remark="The penalty is weak at its default: a token with A = 1 is pushed until it is e²⁰ times "
        "as likely.",
    ),
    MethodCard(
        "kl_cov",
        "kl-cov",
        "asynchrony",
        use="Use it when entropy falls too fast, and the few tokens behind it should pay for moving instead of being "
        "silenced.",
        loss=r"-r A+\beta\,|\log r|\ \text{ for the tokens of largest }\ (\log\pi-\overline{\log\pi})(A-\bar A)",
        weight="",
        what="how log-prob and advantage vary together",
        to=BEFORE,
        how="the few tokens whose log-prob and advantage vary together most pay |log r|; no clip",
        ratio="π/π_old",
        level="batch",
        action="penalise",
        signed=False,
        source="Cui et al. 2025",
        arxiv="2505.22617",
        provenance="code",
        read_in="the authors (PRIME-RL/Entropy-Mechanism-of-RL)",
        functions=(MODULE + "penalties.kl_cov_loss",),
        chapter=HERE,
        paper={"share": "0.0002; 0.002 or 0.0002 in the authors' scripts", "beta": "1"},
        diff="- loss = -r * A\n"
        "+ cov = (logp - mean(logp)) * (A - mean(A))\n"
        "+ loss = -r * A + beta * abs(log(r)) * (cov in largest(cov, 0.0002))",
        remark="All other tokens have no region at all. At r = 1 the penalty has no gradient: with one update per batch "
        "it does nothing.",
        no_curve="which tokens pay depends on all tokens of the batch",
    ),
    MethodCard(
        "opmd",
        "OPMD (Kimi)",
        "asynchrony",
        use="Use it when data are too old for ratios: it fits the log-ratio by least squares, so "
        "nothing is exponentiated.",
        loss=r"\frac{\tau}{2T}\Bigl(\frac A\tau-\textstyle\sum_t\log r_t\Bigr)^2",
        weight=r"\tfrac1T\bigl(A-\tau\textstyle\sum_t\log r_t\bigr)",
        what="the log-ratio of a whole completion",
        to="those of the optimum of a KL-regularised step from " + BEFORE,
        how="regression of the log-ratio on the centred reward",
        ratio="π/π_old",
        level="completion",
        action="regress",
        signed=False,
        source="Kimi Team 2025",
        arxiv="2501.12599",
        provenance="code",
        read_in="horizon-rl/OpenKimi, which calls it equation 3 of Kimi k1.5",
        functions=(MODULE + "penalties.opmd_loss", GROUP),
        chapter=HERE,
        long="online policy mirror descent, as in Kimi k1.5",
        paper={"tau": "not said; 0.01 in OpenKimi"},
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n"
        "+ loss = tau / 2 * (A / tau - sum(log(r))) ** 2 / length     # of the completion",
        remark="The group's mean stands in for the log of the normaliser, and is close to it only while τ is large.",
    ),
    MethodCard(
        "oapl",
        "OAPL",
        "asynchrony",
        use="Use it when the sampler lags by many updates: least squares fit the log-ratio of "
        "each answer to its reward, so no ratio can blow up.",
        loss=r"\bigl(\beta_2\textstyle\sum_t\log r_t-A\bigr)^2,\quad A=R-\beta_1\log\tfrac1G\sum_j e^{R_j/\beta_1}",
        weight=r"2\beta_2\bigl(A-\beta_2\textstyle\sum_t\log r_t\bigr)",
        what="the log-ratio of a completion",
        to=SAMPLER,
        how="a regression, whose solution tilts the sampler's policy by the reward",
        ratio="π/μ",
        level="completion",
        action="regress",
        signed=False,
        source="Ritter et al. 2026",
        arxiv="2602.19362",
        provenance="quoted",
        read_in="public notes, which number it 2 and 3",
        besides="β is from a public test of a port to NeMo-RL.",
        functions=(MODULE + "penalties.oapl_loss", MODULE + "penalties.optimal_advantages"),
        chapter=HERE,
        long="optimal advantage-based policy optimisation with a lagged inference policy",
        paper={"beta1": "1, in the port", "beta2": "0.001, in the port"},
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n"
        "+ A = R - beta1 * log(mean(exp(R / beta1)))     # over the prompt's answers\n"
        "+ loss = (beta2 * sum(log(r)) - A) ** 2         # of the completion",
        remark="The same regression as OPMD's, around the policy that sampled and with a soft maximum "
        "for a baseline. At its default β₂ an answer one point better is pushed until it is "
        "e¹⁰⁰⁰ times as likely.",
    ),
    MethodCard(
        "tpo",
        "TPO",
        "asynchrony",
        use="Use it when you want the update to stop by itself: a group's probabilities are fitted to a target, and "
        "there the push is 0.",
        loss=r"-\textstyle\sum_i q_i\log p_i,\quad p=\mathrm{softmax}_i\log\pi(y_i),\quad q_i\propto "
        r"p^{\mathrm{old}}_i\,e^{u_i/\eta}",
        weight=r"q_i-p_i",
        what="how probable a prompt's completions are, relative to each other",
        to="those of the optimum of a KL-regularised step from " + BEFORE,
        how="cross-entropy to the target",
        ratio="none",
        level="group",
        action="regress",
        signed=False,
        source="Kaddour 2026",
        arxiv="2604.06159",
        provenance="paper",
        read_in="equations 1 to 3",
        besides="Checked against the authors' code, JeanKaddour/tpo.",
        functions=(MODULE + "penalties.tpo_loss",),
        chapter=HERE,
        long="target policy optimisation",
        paper={"eta": "1"},
        diff="- loss = -min(r * A, clip(r, 0.8, 1.2) * A)\n"
        "+ q = normalise(p_old * exp(u / eta))      # over the group's completions\n"
        "+ loss = -sum(q * log(p))",
        remark="The probabilities are of whole completions: where these are long, one of the "
        "group has nearly all of p, and the others' rewards hardly count.",
    ),
)
