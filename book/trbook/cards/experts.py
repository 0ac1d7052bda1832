"""Learning from an expert, with a region and without: chapter 10. Their weights are those of the
expert's tokens."""

from __future__ import annotations

from trbook.cards.card import MethodCard

SFT_LOSS = r"-\log\pi(y_t)\ \text{on the expert's tokens}"

CARDS = (
    MethodCard(
        "trapo",
        "TRAPO",
        "expert",
        use="Use it when you have an expert's answers, some of which your policy could not write "
        "yet: a word that it finds unlikely is pushed less.",
        loss=r"-\frac{p}{\mathrm{sg}[\max(p,\alpha)]}\ \text{on the expert's tokens},"
        r"\quad -r\,A\ \text{on the policy's own}",
        weight=r"\min(1,\ p/\alpha)",
        what="how hard an expert's token is pushed",
        to="what the policy itself finds likely",
        how="a weight that fades below the probability α; prefixes only where a prompt fails",
        ratio="none",
        level="token",
        action="soften",
        signed=None,
        source="Su et al. 2025",
        arxiv="2512.17636",
        provenance="code",
        read_in="the authors",
        besides="It has the loss, α and the micro-groups.",
        functions=("trlib.algorithms.trapo.trsft_loss",),
        chapter="10_trapo",
        paper={"alpha": "0.1, the authors' code"},
        remark="The region is the set of the expert's tokens that the policy could already write.",
    ),
    *(
        MethodCard(
            name,
            title,
            "expert",
            loss=SFT_LOSS + more,
            weight="1",
            what="nothing",
            to="nothing",
            how=how,
            ratio="none",
            level="token",
            action="nothing",
            signed=None,
            source="a baseline of Su et al. 2025",
            arxiv="2512.17636",
            provenance="ours",
            read_in="cross-entropy on the expert's tokens",
            besides="How the parts are put together is our choice, too.",
            chapter="10_trapo",
            use=use,
            remark=remark,
        )
        for name, title, use, more, how, remark in (
            (
                "sft",
                "SFT",
                "Use it when an expert's answers are all that you have, and all of them are "
                "worth copying: it samples nothing and needs no reward.",
                "",
                "supervision alone; nothing is sampled",
                "It pushes every token with weight 1, however unlikely the policy finds it.",
            ),
            (
                "sft_then_rl",
                "SFT, then RL",
                "Use it when the policy cannot earn a reward yet: it copies an expert first, "
                "then learns from its own samples.",
                r"\text{, later } -r A",
                "supervision for some batches, then the policy gradient alone",
                "The optimiser keeps its state when the rewards take over.",
            ),
            (
                "sft_plus_rl",
                "SFT + RL",
                "Use it as TRAPO's control: every batch mixes rewards with an expert's answers, "
                "and nothing adapts how much.",
                r",\ -r\,A\ \text{on the policy's own}",
                "both at once: the last completion of a prompt is the expert's",
                "A solved prompt still gets the expert's answer.",
            ),
        )
    ),
)
