"""The gallery's branch `preferences`: preferences."""

from __future__ import annotations

from trbook.cards.card import MethodCard

PAIR = (
    r"\frac{\beta}{N}\Bigl(\textstyle\sum_{j\,\text{worse}}\sigma(\beta(\ell_j-\ell_i))"
    r"-\sum_{j\,\text{better}}\sigma(\beta(\ell_i-\ell_j))\Bigr)"
)

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "dpo",
        "DPO",
        "preferences",
        use="Use it when you can say which of two answers is better, but not by how much.",
        loss=r"-\log\sigma\bigl(\beta\,(\ell_\text{better}-\ell_\text{worse})\bigr),\quad"
        r"\ell=\textstyle\sum_t\log\frac{\pi}{\pi_\text{ref}}",
        weight=PAIR,
        what="a completion's log-ratio",
        to="the policy that the run began with",
        how="a push on each pair that fades as their log-ratios part",
        ratio="π/π_ref",
        level="pair",
        action="soften",
        signed=None,
        source="Rafailov et al. 2023",
        arxiv="2305.18290",
        provenance="code",
        read_in="the authors (`trainers.py` of eric-mitchell/direct-preference-optimization)",
        functions=("trlib.relatives.preferences.DPO",),
        chapter="gallery_preferences",
        paper={"beta": "0.1"},
        remark="A pair is a better and a worse completion of one prompt, by the verifier; a batch "
        "without a pair changes nothing. Sampling new pairs in every batch makes it online DPO. N is "
        "the number of pairs.",
    ),
    MethodCard(
        "tr_dpo",
        "TR-DPO",
        "preferences",
        use="Use it when DPO stops too near its first policy: its reference follows, so each move "
        "renews the push.",
        loss=r"-\log\sigma\bigl(\beta\,(\ell_\text{better}-\ell_\text{worse})\bigr),\quad"
        r"\theta_\text{ref}\leftarrow\alpha\,\theta+(1-\alpha)\,\theta_\text{ref}",
        weight=PAIR,
        what="a completion's log-ratio",
        to="a reference that follows the policy",
        how="DPO's push, which every move of the reference renews",
        ratio="π/π_ref",
        level="pair",
        action="soften",
        signed=None,
        source="Gorbatovski et al. 2024",
        arxiv="2404.09656",
        provenance="code",
        read_in="the authors (`sync_ref_model.py` of turbo-alignment)",
        besides="TRL 1.16.0 has the same rule.",
        functions=("trlib.relatives.preferences.TRDPO",),
        chapter="gallery_preferences",
        paper={
            "beta": "0.05, in TRL's paper index",
            "share": "0.6, TRL's default",
            "every": "512 updates, TRL's default",
        },
        remark="If preferences never contradict each other, it never stops by itself.",
    ),
    MethodCard(
        "adpo",
        "ADPO",
        "preferences",
        use="Use it when you have rewards for a whole group of answers: it fits one target "
        "distribution over all of them.",
        loss=r"-\sum_i q_i\log\mathrm{softmax}(\ell/\tau)_i,\quad q=\mathrm{softmax}(A/\beta),\quad"
        r"\ell=\textstyle\sum_t\log r_t",
        weight=r"\tfrac1\tau\bigl(q_i-\mathrm{softmax}(\ell/\tau)_i\bigr)",
        what="a group's log-ratios, as one list",
        to="the policy before the batch",
        how="cross-entropy to a target distribution over the group's completions",
        ratio="π/π_old",
        level="group",
        action="regress",
        signed=False,
        source="Wang 2025",
        arxiv="2510.18913",
        provenance="code",
        read_in="an implementation that cites the paper",
        besides="The abstract describes the same fit.",
        functions=("trlib.relatives.preferences.ADPO",),
        chapter="gallery_preferences",
        paper={
            "tau": "0.8, in an implementation; 1 in another",
            "beta": "0.5, in an implementation",
        },
        remark="Within a group the optimum is π ∝ π_old q^τ. A larger τ means a flatter loss and "
        "an optimum that is "
        "farther away. A group whose rewards are equal asks for equal log-ratios.",
    ),
    MethodCard(
        "trpa",
        "TRPA",
        "preferences",
        use="Use it when you trust the order of the rewards and not their size: better answers are "
        "raised above worse ones, with a small penalty on distance.",
        loss=r"-\log\sigma\bigl(\beta\,a\,(\bar\ell_\text{better}-\bar\ell_\text{worse})\bigr)+k\,\overline{k_3},"
        r"\quad\bar\ell=\tfrac1{|y|}\textstyle\sum_t\log\frac{\pi}{\pi_\text{ref}}",
        weight=r"\frac{\beta a}{N\,|y|}\Bigl(\textstyle\sum_{j\,\text{worse}}\sigma(\beta "
        r"a(\bar\ell_j-\bar\ell_i))"
        r"-\sum_{j\,\text{better}}\sigma(\beta a(\bar\ell_i-\bar\ell_j))\Bigr)-\tfrac "
        r"kT\bigl(1-\tfrac1r\bigr)",
        what="a completion's mean log-ratio, and every token's ratio",
        to="the policy that the run began with; the policy before the batch",
        how="a push on each pair of levels, and a small penalty on the distance from the policy "
        "before the batch",
        ratio="π/π_ref",
        level="pair",
        action="penalise",
        signed=None,
        source="Su et al. 2025",
        arxiv="2504.04524",
        provenance="code",
        read_in="the authors (`compute_pairwise_policy_loss`)",
        functions=("trlib.relatives.preferences.TRPA",),
        chapter="gallery_preferences",
        paper={"beta": "0.1", "anisotropy": "2.5", "kl": "0.001, all three in the authors' code"},
        remark="In the first update of a batch the penalty has no gradient. Without a pair it "
        "raises what is right and lowers the rest. T is the batch's number of tokens, and k3 an "
        "estimate of KL(π ‖ π_old).",
    ),
)
