"""What a reader calls a variant of a sweep: methods by the names that the book's cards have, and
not by their keys."""

from __future__ import annotations

import re

from trlab.drawing.figure import LOOKS

NAMES = {
    "reinforce": "REINFORCE",
    "pg_is": "unclipped",
    "trpo": "TRPO",
    "ppo_penalty": "PPO with a KL penalty",
    "ppo": "PPO",
    "ppo_critic": "PPO with a critic",
    "grpo": "GRPO",
    "dr_grpo": "Dr.GRPO",
    "dapo": "DAPO",
    "gspo": "GSPO",
    "cispo": "CISPO",
    "sapo": "SAPO",
    "gmpo": "GMPO",
    "pspo": "PSPO",
    "dppo": "DPPO",
    "quatro": "QUATRO",
    "troll": "TROLL",
    "trapo": "TRAPO",
    "sft": "SFT",
    "bapo": "BAPO",
    "minpro": "MinPRO",
    "cpgd": "CPGD",
    "r2vpo": "R2VPO",
    "capo": "CAPO",
    "trefree": "TREFree",
    "pb_ppo": "Pb-PPO",
    "kl3_clip": "KL3 clip",
    "bandpo": "BandPO",
    "turn_ppo": "Turn-PPO",
    "fixpo": "FixPO",
    "mdpo": "MDPO",
    "counterpol": "COUNTERPOL",
    "rebel": "REBEL",
    "lco": "LCO",
    "rover": "ROVER",
    "dpo": "DPO",
    "tr_dpo": "TR-DPO",
    "adpo": "ADPO",
    "trpa": "TRPA",
    "opo": "OPO",
    "dvpo": "DVPO",
    "muon": "Muon",
    "frobenius": "Frobenius ball",
    "sign": "Sign descent",
    "auon": "AuON",
    "hybrid_auon": "Hybrid-AuON",
    "smart": "SMART",
    "tram": "TRAM",
    "sam": "SAM",
    "tis": "TIS",
    "tis_seq": "TIS of sequences",
    "mis": "MIS",
    "mis_seq": "MIS of sequences",
    "geo_mask": "Geometric mask",
    "icepop": "IcePop",
    "vespo": "VESPO",
    "topr": "TOPR",
    "ctpo": "CTPO",
    "a3po": "A-3PO",
    "luspo": "LUSPO",
    "vcpo": "VCPO",
    "m2po": "M2PO",
    "opsm": "OPSM",
    "trm": "TRM",
    "ln_trm": "LN-TRM",
    "stale_mask": "Staleness mask",
    "vaco": "VACO",
    "cppo": "CPPO (prefix)",
    "clip_cov": "clip-cov",
    "drpo": "DRPO",
    "cfpo": "CFPO",
    "dro": "DRO",
    "kl_cov": "kl-cov",
    "opmd": "OPMD (Kimi)",
    "oapl": "OAPL",
    "tpo": "TPO",
}
"""From the key of a method that a sweep runs to its name. `book/trbook/cards` has the names; a test
compares."""
SHORT = {"rl": "RL", "tv": "TV", "kl": "KL"}
"""Other short words of labels."""
WORD = re.compile(r"(?<![A-Za-z0-9])[a-z0-9_]+(?![A-Za-z0-9])")


KEYS = {name: key for key, name in NAMES.items()}


def key_of(name: str) -> str | None:
    """The key of `trlab.drawing.figure.LOOKS` that a variant's name means; None: it has no look of its
    own."""
    key = KEYS.get(name, name.lower().replace("-", "_"))
    return key if key in LOOKS else None


def called(label: str) -> str:
    """A variant's label with every key in it written as the method's name: `dppo-tv` is DPPO-TV."""
    known = NAMES | SHORT
    return WORD.sub(lambda word: known.get(word.group(), word.group()), label)
