"""Regions drawn by a ratio: PPO, GRPO and their children, chapters 4 and 5."""

from __future__ import annotations

from trbook.cards.card import MethodCard

WINDOWED = r"1-\epsilon_l,\,1+\epsilon_h"


def _silenced(weight: str, above: str, below: str) -> str:
    """LaTeX of a weight that is 0 where a push up is above its window and where a push down is
    below it."""
    return rf"\begin{{cases}}0&A>0,\ {above}\\0&A<0,\ {below}\\{weight}&\text{{else}}\end{{cases}}"


CLIP = rf"-\min\bigl(r A,\ \mathrm{{clip}}(r,\,{WINDOWED})\,A\bigr)"
CLIPPED = _silenced("r A", r"r>1+\epsilon_h", r"r<1-\epsilon_l")
TOKEN_RATIO = "the ratio of each sampled token"
BEFORE = "the policy before the batch"
WINDOW = "a clip, with no outward push outside the window"
PPO_LOSS = "trlib.algorithms.ppo.ppo_loss"
GROUP = "trlib.advantages.group_relative"

CARDS = (
    MethodCard(
        "ppo",
        "PPO",
        "ratio",
        use="Use it when you update several times on a batch and want the simplest brake: a token "
        "that has moved too far is pushed no further.",
        loss=CLIP,
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE,
        how=WINDOW,
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Schulman et al. 2017",
        arxiv="1707.06347",
        provenance="paper",
        read_in="equation 7",
        functions=(PPO_LOSS,),
        chapter="04_ppo",
        paper={
            "eps_low": "0.2",
            "eps_high": "0.2",
            "dual_clip": "not in the paper; 3 in arXiv 1912.09729",
        },
        remark="A clip never pulls back: a token outside only loses its gradient. With one "
        "update per batch every ratio is 1 and the clip does nothing.",
    ),
    MethodCard(
        "ppo_critic",
        "PPO with a critic",
        "ratio",
        use="Use it when one reward for the whole answer is too coarse: a second network predicts "
        "rewards, so every token gets an advantage of its own.",
        loss=CLIP + r"+\tfrac{c}{2}(V-R)^2",
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE,
        how=WINDOW + "; a value for every token instead of a group's mean",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Schulman et al. 2016 and 2017",
        arxiv="1506.02438",
        provenance="paper",
        read_in="equation 16",
        besides="The clip of the values is in the authors' code alone.",
        functions=(PPO_LOSS, "trlib.algorithms.critic.value_loss"),
        chapter="04_critic",
        paper={"lam": "0.95", "eps_low": "0.2", "eps_high": "0.2", "value_weight": "0.5 or 1"},
        remark="Its advantages come from GAE and are whitened over the batch.",
    ),
    MethodCard(
        "grpo",
        "GRPO",
        "ratio",
        use="Use it when you can sample several answers to each prompt and do not want a critic: "
        "the group's mean reward takes its place.",
        loss=CLIP + r"+\beta\,k_3",
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE + "; with β also a fixed reference",
        how=WINDOW,
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Shao et al. 2024",
        arxiv="2402.03300",
        provenance="paper",
        read_in="equations 3 and 4",
        functions=(PPO_LOSS, GROUP),
        chapter="05_grpo",
        paper={"beta": "0.04", "advantage": "group-std", "aggregation": "seq-mean-token-mean"},
        remark="The weight is shown for β = 0. The advantage is the reward minus the group's mean, "
        "divided by the group's standard deviation.",
    ),
    MethodCard(
        "dr_grpo",
        "Dr.GRPO",
        "ratio",
        use="Use it in place of GRPO when a token of a long answer should count as much as one of "
        "a short answer.",
        loss=CLIP,
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE,
        how=WINDOW,
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Liu et al. 2025",
        arxiv="2503.20783",
        provenance="code",
        read_in="the authors (`train_zero_math.py` of sail-sg/understand-r1-zero)",
        functions=(PPO_LOSS, GROUP),
        chapter="05_grpo",
        paper={
            "advantage": "group-mean",
            "aggregation": "seq-mean-token-sum-norm",
            "beta": "0, no KL term",
        },
        remark="GRPO without its two divisions: by the group's standard deviation, and by a "
        "completion's own length.",
    ),
    MethodCard(
        "dapo",
        "DAPO",
        "ratio",
        use="Use it when rare tokens should have more room to rise than to fall, and when many "
        "prompts are solved by all samples or by none.",
        loss=CLIP,
        weight=CLIPPED,
        what=TOKEN_RATIO,
        to=BEFORE,
        how=WINDOW + ", which is wider above",
        ratio="π/π_old",
        level="token",
        action="clip",
        signed=True,
        source="Yu et al. 2025",
        arxiv="2503.14476",
        provenance="paper",
        read_in="equations 8 and 13",
        functions=(PPO_LOSS,),
        chapter="05_grpo",
        paper={
            "eps_low": "0.2",
            "eps_high": "0.28",
            "aggregation": "token-mean",
            "overlong_buffer": "0.2",
            "beta": "0, the KL term is dropped",
        },
        remark="Groups with equal rewards are left out. The paper draws more prompts until the "
        "batch is full; here the batch shrinks.",
    ),
    MethodCard(
        "gspo",
        "GSPO",
        "ratio",
        use="Use it when the reward judges whole answers and the clip should too: it keeps all "
        "tokens of an answer, or none.",
        loss=rf"-\min\bigl(s A,\ \mathrm{{clip}}(s,\,{WINDOWED})\,A\bigr),"
        r"\ \ s=e^{\frac1T\sum_t\log r_t}",
        weight=_silenced("s A", r"s>1+\epsilon_h", r"s<1-\epsilon_l"),
        what="the geometric mean of a completion's ratios",
        to=BEFORE,
        how="a clip of whole completions",
        ratio="π/π_old",
        level="completion",
        action="clip",
        signed=True,
        source="Zheng et al. 2025",
        arxiv="2507.18071",
        provenance="paper",
        read_in="equations 7, 13 and 14",
        functions=("trlib.algorithms.gspo.gspo_loss",),
        chapter="05_children",
        paper={"eps_low": "0.0003", "eps_high": "0.0004"},
        remark="Its window is 500 to 670 times narrower than PPO's because a mean moves so much "
        "less. In the figure one token of 1,000 moves and the others stay at ratio 1, so a "
        "single token may go far.",
    ),
    MethodCard(
        "cispo",
        "CISPO",
        "ratio",
        use="Use it when no token should be silenced: it bounds how hard a token is pushed, and "
        "never stops pushing.",
        loss=rf"-\mathrm{{sg}}\bigl[\mathrm{{clip}}(r,\,{WINDOWED})\bigr]\,A\,\log\pi(y_t)",
        weight=rf"\mathrm{{clip}}(r,\,{WINDOWED})\,A",
        what="the weight a token enters with",
        to="1, its value at " + BEFORE,
        how="a clamp: no token is silenced",
        ratio="π/π_old",
        level="token",
        action="clamp",
        signed=False,
        source="MiniMax 2025",
        arxiv="2506.13585",
        provenance="paper",
        read_in="equations 4 and 5",
        functions=("trlib.algorithms.cispo.cispo_loss",),
        chapter="05_children",
        paper={"eps_high": "tuned; its value is not printed", "eps_low": "no lower bound"},
        remark="With many updates per batch nothing holds the policy back.",
    ),
    MethodCard(
        "sapo",
        "SAPO",
        "ratio",
        use="Use it when you want a region without an edge: a gate closes smoothly as a token's "
        "ratio leaves 1.",
        loss=r"-\tfrac4\tau\,\sigma\bigl(\tau(r-1)\bigr)\,A",
        weight=r"4\,\sigma(1-\sigma)\,r\,A,\quad\sigma=\sigma\bigl(\tau(r-1)\bigr)",
        what=TOKEN_RATIO,
        to=BEFORE,
        how="a gate that fades on both sides, without an edge",
        ratio="π/π_old",
        level="token",
        action="soften",
        signed=False,
        source="Gao et al. 2025",
        arxiv="2511.20347",
        provenance="code",
        read_in="verl 0.9.1 and TRL 1.16.0",
        functions=("trlib.algorithms.sapo.sapo_loss",),
        chapter="05_children",
        paper={"tau_pos": "1.0", "tau_neg": "1.05"},
        remark="The temperature is not a threshold: at 1 the weight at r = 2 is still 1.57 times "
        "that at r = 1.",
    ),
    MethodCard(
        "gmpo",
        "GMPO",
        "ratio",
        use="Use it when a few extreme ratios upset the update: an answer counts by a geometric "
        "mean, which one outlying token moves little.",
        loss=r"-A\,\rho,\quad\rho=e^{\frac1T\sum_t\mathrm{clip}_A(\log r_t,\,\pm\epsilon)}",
        weight=_silenced(r"A\rho", r"\log r_t>\epsilon", r"\log r_t<-\epsilon"),
        what="the log-ratio of each sampled token, inside a geometric mean",
        to=BEFORE,
        how=WINDOW,
        ratio="π/π_old",
        level="completion",
        action="clip",
        signed=True,
        source="Zhao et al. 2025",
        arxiv="2507.20673",
        provenance="paper",
        read_in="equation 4",
        functions=("trlib.algorithms.gmpo.gmpo_loss",),
        chapter="05_children",
        paper={"eps_log": "0.4"},
        remark="Because of the mean, the window on each token can be wide.",
    ),
    MethodCard(
        "pspo",
        "PSPO",
        "ratio",
        use="Use it when you want to damp every push alike and silence none: the loss sees a "
        "mixture of the new policy with the old.",
        loss=r"-\bigl((1-\alpha)\,r+\alpha\bigr)\,A",
        weight=r"(1-\alpha)\,r\,A",
        what="the policy that the surrogate sees",
        to=BEFORE,
        how="a mixture with the old policy",
        ratio="π/π_old",
        level="token",
        action="smooth",
        signed=None,
        source="Dwyer et al. 2025",
        arxiv="2509.21282",
        provenance="ours",
        read_in="the mixture that the abstract and summaries describe",
        functions=("trlib.algorithms.pspo.pspo_loss",),
        chapter="05_children",
        paper={"alpha": "0.1"},
        remark="Its gradient is 1 - α times the unclipped one, for every token alike; Adam "
        "divides that factor out again.",
    ),
)
