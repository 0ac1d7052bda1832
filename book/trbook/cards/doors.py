"""Where a card of the main line leads: its place in the playground, the setting of a trainer that
names it, what the recorded runs say where it acts, one pitfall, and its neighbours.

The chapter stands on the card itself, and the settings elsewhere are those of
`trbook.scale.papers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BEST = (
    "Sixteen passes over every batch, each method at its own best learning rate: {label} ends at "
    "{{rec}}`best {arm} uses=16`{more}, {other} at {{rec}}`best {against} uses=16`. The difference "
    "is {{rec}}`best {arm} over {against} uses=16 .3` ({{rec}}`best {arm} uses=16 seeds` seeds, "
    "sweep [best](../../trlab/records/best/README.md))."
)
AGAIN = (
    "Sixteen passes over every batch at a learning rate of 1e-4, which is too high: {label} ends at "
    "{{rec}}`children {arm} lr=0.0001`, PPO at {{rec}}`children ppo lr=0.0001`{lead}. At 1e-5 it "
    "ends within 0.02 of PPO, as predicted ({{rec}}`children {arm} lr=0.0001 seeds` seeds, sweep "
    "[children](../../trlab/records/children/README.md))."
)
LEAD = ". PPO's lead is {{rec}}`children ppo over {arm} lr=0.0001`"
NONE = "No recorded sweep holds {label} and PPO for several passes over a batch."


def best(label: str, arm: str, against: str = "ppo", other: str = "PPO", more: str = "") -> str:
    """What the sweep `best` says of an arm."""
    return BEST.format(label=label, arm=arm, against=against, other=other, more=more)


def again(label: str, arm: str, *, asked: bool = True) -> str:
    """What the sweep `children` says of an arm; `asked`: whether it ends below PPO at the high rate
    is one of its questions."""
    return AGAIN.format(label=label, arm=arm, lead=LEAD.format(arm=arm) if asked else "")


@dataclass(frozen=True)
class Doors:
    """Where one card leads."""

    play: str
    """What its address says behind `#playground:`; empty: it does not learn there."""
    shows: str
    """What one sees there; without an address, where else it runs, in Markdown."""
    acts: str
    """What is recorded where it acts, beside PPO in the same sweep, in Markdown."""
    pitfall: str
    """The mistake that its users make, in a sentence or two."""
    before: str
    """The card that one reads before it, what it changes; empty: the ladder."""
    after: str
    """The card that one reads next, what changes it; empty: the ladder."""
    trl: str = ""
    """The setting of TRL that names it, of those in `trbook.scale.papers`."""
    verl: str = ""
    """Verl's."""


LOSS, MODE, ADVANTAGE = "loss_type", "policy_loss.loss_mode", "algorithm.adv_estimator"
BESIDE = "a={0},epochs:16&b={1},epochs:16"

DOORS: Mapping[str, Doors] = {
    "reinforce": Doors(
        "preset=opening",
        "REINFORCE alone",
        NONE.format(label="REINFORCE")
        + " With four passes in eight minibatches it ends at {rec}`ladder reinforce` where rewards "
        "are taken as they are, and at {rec}`ladder baseline` where the group's mean is subtracted: "
        "wrong answers are then pushed down without a bound ({rec}`ladder baseline seeds` seeds, "
        "sweep [ladder](../../trlab/records/ladder/README.md)).",
        "Several updates per batch. From the second one on the answers are those of an older "
        "policy, and nothing in the loss notices.",
        "",
        "pg_is",
        LOSS,
        MODE,
    ),
    "pg_is": Doors(
        "preset=reuse",
        "sixteen passes over a batch, with a region and without",
        best("it", "pg_is"),
        "It looks harmless at a low learning rate, where it ends beside PPO. At ten times that rate "
        "it falls far below.",
        "reinforce",
        "ppo",
        "token_loss",
        MODE,
    ),
    "trpo": Doors(
        "",
        "not in the playground; [its step by hand](../../notebooks/03_trpo.ipynb)",
        "Its region acts with one update per batch too. TRPO ends at {rec}`loops trpo`, PPO at "
        "{rec}`loops ppo`: a difference of {rec}`loops trpo over ppo` ({rec}`loops trpo seeds` "
        "seeds, sweep [loops](../../trlab/records/loops/README.md)).",
        "The radius is the step, and the learning rate changes nothing. With a tenth of the paper's "
        '0.01 nats TRPO ends at {rec}`loops "trpo .001"` here.',
        "pg_is",
        "ppo_penalty",
    ),
    "ppo_penalty": Doors(
        BESIDE.format("ppo_penalty", "ppo"),
        "PPO with a penalty beside PPO's clip, sixteen passes",
        'Four passes in eight minibatches: it ends at {rec}`penalty "penalty, once a batch" '
        "updates=32`, PPO's clip at {rec}`penalty clip updates=32`. The difference is {rec}`penalty "
        '"penalty, once a batch" over clip updates=32` ({rec}`penalty clip updates=32 seeds` seeds, '
        "sweep [penalty](../../trlab/records/penalty/README.md)).",
        "β doubles or halves once a batch, so a batch may go far before the charge has caught up. "
        "A controller that looks after every minibatch drives β up and down by powers of two within "
        'a batch: it ends at {rec}`penalty "penalty, by minibatch" updates=32`. And a library\'s KL '
        "setting is usually another penalty: to a fixed reference.",
        "trpo",
        "ppo",
    ),
    "ppo": Doors(
        "preset=wide",
        "three clips: narrow, usual, wide",
        best("PPO", "ppo", "pg_is", "the unclipped run"),
        "The clip is no wall: it never pulls a token back, and with one update per batch it does "
        "nothing at all.",
        "pg_is",
        "grpo",
        "epsilon",
        "actor.clip_ratio_high",
    ),
    "ppo_critic": Doors(
        "",
        "not in the playground; [GAE by hand](../../notebooks/04_critic.ipynb)",
        "Four passes in eight minibatches: it ends at {rec}`critic ppo_critic updates=32`, PPO with "
        "the group's mean at {rec}`critic ppo updates=32`. The difference is {rec}`critic ppo_critic "
        "over ppo updates=32` ({rec}`critic ppo_critic updates=32 seeds` seeds, sweep "
        "[critic](../../trlab/records/critic/README.md)).",
        "Until the critic has learned, its values are wrong, and with λ below 1 the advantages are "
        "biased.",
        "ppo",
        "grpo",
        "",
        ADVANTAGE,
    ),
    "grpo": Doors(
        "preset=groups",
        "groups of 2, 8 and 32",
        again("GRPO", "grpo"),
        "A group whose answers are all right, or all wrong, has no advantage and teaches nothing.",
        "ppo_critic",
        "dr_grpo",
        LOSS,
        ADVANTAGE,
    ),
    "dr_grpo": Doors(
        BESIDE.format("dr_grpo", "grpo"),
        "Dr.GRPO beside GRPO, sixteen passes",
        again("Dr.GRPO", "dr_grpo", asked=False),
        "The divisor is the longest answer allowed. Raise that limit, and every step becomes "
        "smaller at the same learning rate, unless the optimiser rescales it.",
        "grpo",
        "dapo",
        LOSS,
        "algorithm.norm_adv_by_std_in_grpo",
    ),
    "dapo": Doors(
        BESIDE.format("dapo", "grpo"),
        "DAPO beside GRPO, sixteen passes",
        again("DAPO", "dapo")
        + " Its wider window was recorded alone, too. "
        + best("PPO with that window", "clip-higher"),
        "Leaving groups out shrinks the batch unless new prompts fill it up. TRL draws none, and "
        "neither does `trlib`.",
        "grpo",
        "gspo",
        LOSS,
        "actor.clip_ratio_high",
    ),
    "gspo": Doors(
        BESIDE.format("gspo", "ppo"),
        "GSPO beside PPO, sixteen passes",
        best("GSPO", "gspo"),
        "A window made for PPO. With 0.2 in place of 0.0003 hardly any answer is clipped, and some "
        "libraries have that default.",
        "dapo",
        "dppo",
        "importance_sampling_level",
        MODE,
    ),
    "cispo": Doors(
        BESIDE.format("cispo", "ppo"),
        "CISPO beside PPO, sixteen passes",
        best("CISPO", "cispo"),
        "One number, two meanings: in TRL `epsilon_high` is the bound on the weight itself, in verl "
        "`clip_ratio_high` its distance from 1.",
        "grpo",
        "dppo",
        LOSS,
        MODE,
    ),
    "sapo": Doors(
        BESIDE.format("sapo", "ppo"),
        "SAPO beside PPO, sixteen passes",
        best("SAPO", "sapo"),
        "The temperature is no threshold: at 1 a token with twice its probability is still pushed "
        "1.57 times as hard as at first.",
        "grpo",
        "dppo",
        LOSS,
        MODE,
    ),
    "gmpo": Doors(
        BESIDE.format("gmpo", "ppo"),
        "GMPO beside PPO, sixteen passes",
        again("GMPO", "gmpo"),
        "Its window bounds log-ratios, and verl reads it from `clip_ratio`: the default of 0.2 "
        "is half of the paper's 0.4.",
        "grpo",
        "gspo",
        "epsilon",
        MODE,
    ),
    "pspo": Doors(
        BESIDE.format("pspo", "ppo"),
        "PSPO beside PPO, sixteen passes",
        best("PSPO", "pspo"),
        "Under Adam its one factor is divided out again, so that it moves almost as the unclipped "
        "run does.",
        "grpo",
        "dppo",
        "token_loss",
        MODE,
    ),
    "dppo": Doors(
        "preset=clipping",
        "clipping against divergence, where rare words must be learned",
        best("DPPO", "dppo-tv"),
        "The region is drawn around the policy that sampled. verl's `dppo_tv` draws it around the "
        "recomputed one, unless its bypass mode is on.",
        "ppo",
        "quatro",
        "token_loss",
        MODE,
    ),
    "quatro": Doors(
        "preset=quatro",
        "a constraint for each prompt, beside PPO",
        best("QUATRO, as derived here,", "quatro"),
        "A prompt whose answers are all right, or all wrong, has no target and is held by nothing.",
        "dppo",
        "troll",
        "trainer",
        MODE,
    ),
    "troll": Doors(
        "preset=troll",
        "a projection beside a clip, sixteen passes",
        best("TROLL", "troll"),
        "It needs the whole distribution, or the K most likely tokens, of both policies: memory "
        "grows with the vocabulary.",
        "quatro",
        "",
        "token_loss",
    ),
    "trapo": Doors(
        "",
        "not in the playground; [its loop in thirty lines](../../notebooks/10_trapo.ipynb)",
        "The sweep has supervised fine-tuning beside it, and no PPO. On prompts of five moves TRAPO "
        "ends at {rec}`trapo trapo moves=5`, SFT at {rec}`trapo sft moves=5`: a difference of "
        "{rec}`trapo trapo over sft moves=5` ({rec}`trapo trapo moves=5 seeds` seeds, sweep "
        "[trapo](../../trlab/records/trapo/README.md)).",
        "A word that the policy finds all but impossible is hardly pushed at all. What the expert "
        "alone can say is learned slowly.",
        "sft",
        "sft_then_rl",
    ),
}
"""By the name of the card, in the order of reading."""
