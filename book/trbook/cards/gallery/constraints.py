"""The gallery's branch `constraints`: constraint and mirror descent."""

from __future__ import annotations

from trbook.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = (
    MethodCard(
        "fixpo",
        "FixPO",
        "constraints",
        use="Use it when no token may end a batch outside the region: after the updates, further "
        "steps lower the KL until the farthest is inside.",
        loss=r"-r\,A+\beta\,\mathrm{KL}(\pi_\text{old}\Vert\pi),\quad\text{then}\quad"
        r"\overline{\mathrm{KL}}(\pi_\text{old}\Vert\pi)\quad\text{until}\quad\max_t\mathrm{KL}_t\le\varepsilon",
        weight=r"r\,A-\beta\,\frac{p-q}{1-p}",
        what="the distribution at every token of the batch, the farthest included",
        to="the policy before the batch",
        how="a penalty whose weight β is learned, then steps down the KL alone until no token is outside",
        ratio="π/π_old",
        level="distribution",
        action="pull back",
        signed=False,
        source="Zentner et al. 2023",
        arxiv="2312.05405",
        provenance="code",
        read_in="the authors (`fixpo_tianshou.py`)",
        functions=("trlib.relatives.constraints.FixPO", "trlib.algorithms.kl_penalty.add_penalty"),
        chapter="gallery_constraints",
        paper={
            "eps_kl": "0.2, in the authors' code",
            "margin": "2, in the authors' code",
            "statistic": "max, in the authors' code",
        },
        passes="a forward pass over the whole batch after its last update, and up to 50 fix-ups of "
        "a forward and a backward pass",
        remark="The weight is that of the first phase, with p the token's probability and q that "
        "before the batch. The second phase bounds the farthest token, at a learning rate of its "
        "own: steps that are too long jump over the region again and again.",
    ),
    MethodCard(
        "mdpo",
        "MDPO",
        "constraints",
        use="Use it when a penalty should grow during the run: distance from the old policy costs "
        "little in the first batches and much in the last.",
        loss=r"-r\,A+\tfrac1t\,\mathrm{KL}(\pi\Vert\pi_\text{old})",
        weight=r"r\,A-\frac{p}{t}\,\frac{\log r-\mathrm{KL}(\pi\Vert\pi_\text{old})}{1-p}",
        what="the distribution at each token",
        to="the policy before the batch",
        how="a penalty 1/t on the divergence from the new policy to the old, and several steps; t "
        "falls with the batches",
        ratio="π/π_old",
        level="distribution",
        action="penalise",
        signed=False,
        source="Tomar et al. 2020",
        arxiv="2005.09814",
        provenance="code",
        read_in="the authors (`mdpo_on/mdpo.py`)",
        besides="The weight is derived here.",
        functions=("trlib.relatives.constraints.MDPO",),
        chapter="gallery_constraints",
        remark="With one update per batch this is the plain policy gradient: where π is the old "
        "policy the KL has no gradient. p is the sampled token's probability, and the others keep "
        "their proportions: derived here.",
    ),
    MethodCard(
        "counterpol",
        "COUNTERPOL",
        "constraints",
        use="Use it to explain a policy, not to train one: it looks for the nearest policy that "
        "earns the mean reward you ask for.",
        loss=r"(J-J^\star)^2+k\,\mathrm{KL}(\pi\Vert\pi_\text{pivot})",
        weight=r"r\,\bigl(2\,(J^\star-J)\,A-k\log\tfrac{\pi}{\pi_\text{pivot}}\bigr)",
        what="the distribution over tokens",
        to="the policy that the run began with, or a pivot that follows",
        how="a penalty k on the divergence, with a target for the mean reward in place of a radius",
        ratio="π/π_ref",
        level="batch",
        action="penalise",
        signed=False,
        source="Deshmukh et al. 2023",
        arxiv="2307.13192",
        provenance="ours",
        read_in="the problem that a summary states",
        besides='form="notebook" is read in the authors\' notebook.',
        functions=("trlib.relatives.constraints.COUNTERPOL", "trbook.bandit.counterfactual_policy"),
        chapter="gallery_constraints",
        paper={"k": "0.9, in the authors' notebook", "form": '"notebook", in the authors\' code'},
        remark="The recorded run uses the summary's objective. `COUNTERPOL(form='notebook')` is the "
        "authors': KL(pivot ‖ π), weights k and 1 - k, the target as baseline. It does not aim "
        "beyond its target, and with a penalty k above 0 it falls short of it. J is that of the "
        "batch before its updates.",
    ),
)
