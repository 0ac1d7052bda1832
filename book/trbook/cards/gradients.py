"""Policy gradients without a region, and regions that hold a whole batch: chapters 1, 3 and 4."""

from __future__ import annotations

from trbook.cards.card import MethodCard

CARDS = (
    MethodCard(
        "reinforce",
        "REINFORCE",
        "policy gradient",
        use="Use it when every batch gives one update and is then thrown away: no ratio leaves 1, "
        "so there is nothing "
        "to clip.",
        loss=r"-A\,\log\pi(y_t)",
        weight="A",
        what="nothing",
        to="nothing",
        how="one update per batch, then fresh data",
        ratio="none",
        level="token",
        action="nothing",
        signed=None,
        source="Williams 1992",
        provenance="derived here",
        read_in="chapter 1, from the definition of the mean reward",
        functions=("trlib.algorithms.reinforce.reinforce_loss",),
        chapter="01_policies_that_write",
        remark="With more updates per batch it goes on as if the data were fresh.",
    ),
    MethodCard(
        "pg_is",
        "The unclipped run",
        "policy gradient",
        use="Use it as the control: it reuses a batch with importance weights and nothing that "
        "bounds them.",
        loss=r"-r\,A",
        weight=r"r\,A",
        what="nothing",
        to="nothing",
        how="a weight for each token, without a bound",
        ratio="π/π_old",
        level="token",
        action="nothing",
        signed=None,
        source="the surrogate of TRPO without its constraint",
        arxiv="1502.05477",
        provenance="read in the paper",
        read_in="equation 3, without the constraint",
        functions=("trlib.algorithms.ppo.pg_is_loss",),
        chapter="02_why_trust_regions",
        long="importance-weighted policy gradient",
        remark="Every comparison in this book has it as a row.",
    ),
    MethodCard(
        "trpo",
        "TRPO",
        "constraint",
        use="Use it when no update may exceed a KL that you name, and you can pay several more "
        "passes through the "
        "network for each.",
        loss=r"-r\,A\quad\text{s.t.}\quad\overline{\mathrm{KL}}(\pi_\text{old}\Vert\pi)\le\delta",
        weight=r"r\,A",
        what="the distribution over tokens, on average over the batch",
        to="the policy before the update",
        how="a natural-gradient step of a given radius, then a line search",
        ratio="π/π_old",
        level="batch",
        action="constrain",
        signed=None,
        source="Schulman et al. 2015",
        arxiv="1502.05477",
        provenance="read in the paper",
        read_in="section 6 and appendix C",
        functions=("trlib.algorithms.trpo.TRPO",),
        chapter="03_trpo",
        paper={"delta_kl": "0.01", "damping": "0.1, in the authors' code", "iterations": "10"},
        passes="products with the Fisher matrix, and a forward pass for every step that its line "
        "search tries",
        remark="The region is in the update: the weight has no edge, but the step has. The "
        "optimiser plays no part.",
    ),
    MethodCard(
        "ppo_penalty",
        "PPO with a KL penalty",
        "constraint",
        use="Use it when you would rather charge for distance than forbid it: the charge adapts "
        "until an update costs "
        "about the KL that you name.",
        loss=r"-r\,A+\beta\,\mathrm{KL}(\pi_\text{old}\Vert\pi)",
        weight=r"r\,A-\beta\,\frac{p-q}{1-p}",
        what="the distribution over tokens, on average over the minibatch",
        to="the policy before the batch",
        how="a penalty β on the divergence, adapted after every update",
        ratio="π/π_old",
        level="batch",
        action="penalise",
        signed=False,
        source="Schulman et al. 2017, section 4",
        arxiv="1707.06347",
        provenance="read in the paper",
        read_in="equation 8",
        functions=("trlib.algorithms.kl_penalty.adapt",),
        chapter="04_ppo",
        paper={"target_kl": "0.003, 0.01 or 0.03", "beta": "1"},
        remark="The weight is derived here: p is the sampled token's probability, q what it was "
        "before the batch, and "
        "all other tokens count as one.",
    ),
)
