"""What other libraries call our settings, and the end of an error for a name that nothing here has.

One map for Python, the command line and methods: `train(num_iterations=3)`,
`trlib train --learning-rate 1e-4` and `GRPO(epsilon=.2)` all name ours. Only names of the same
meaning stand in it; where something differs, the entry says what. Read in TRL 1.16, verl 0.9,
OpenRLHF, slime and Stable-Baselines3."""

import difflib
import re
from collections.abc import Callable, Iterable, Set
from functools import wraps
from inspect import signature
from typing import Literal, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Owner = Literal["run", "method", "argument", "tensor"]


class Name(NamedTuple):
    """Our names for something, whose they are, and what differs."""

    ours: tuple[str, ...]
    owner: Owner = "run"
    but: str = ""


EPOCHS, GROUP, TOKENS = Name(("epochs",)), Name(("group",)), Name(("max_tokens",))
RATE, NORM = Name(("lr",)), Name(("grad_norm",))
AT_ONCE = Name(("at_once",), but="it saves memory; an update takes prompts / minibatches")
PASSES = Name(("steps",), but="a run counts batches, not epochs over a data set")
WINDOW, LOW, HIGH = (
    Name(ours, "method") for ours in (("eps_low", "eps_high"), ("eps_low",), ("eps_high",))
)
MEAN, ADVANTAGE = Name(("aggregation",), "method"), Name(("advantage",), "method")
CORRECTION = Name(
    ("correction",),
    "method",
    "a trlib.corrections.Correction(cap=...), or --set correction.cap=...",
)
REFERENCE = "every method has reference=trlib.algorithms.Reference(beta=...)"
POLICY, TASK = Name(("policy",), "argument"), Name(("task",), "argument")
CURRENT, OLD, SAMPLER, MASK = (
    Name((ours,), "tensor") for ours in ("logp", "logp_old", "logp_rollout", "mask")
)

NAMES: dict[str, dict[str, Name]] = {
    "TRL": {
        "num_iterations": EPOCHS,
        "num_ppo_epochs": EPOCHS,
        "num_generations": GROUP,
        "max_completion_length": TOKENS,
        "learning_rate": RATE,
        "max_grad_norm": NORM,
        "output_dir": Name(("out",)),
        "max_steps": Name(("steps",), but="TRL counts updates, and we count batches"),
        "num_train_epochs": PASSES,
        "warmup_steps": Name(("warmup",)),
        "warmup_ratio": Name(("warmup",), but="a number of updates, not a share of the run"),
        "per_device_train_batch_size": AT_ONCE,
        "num_mini_batches": Name(("minibatches",)),
        "optim": Name(("optimizer",)),
        "save_steps": Name(("checkpoint_every",), but="in batches"),
        "resume_from_checkpoint": Name(("resume",), but="yes or no: it continues the run in `out`"),
        "epsilon": WINDOW._replace(but="TRL's holds on both sides unless epsilon_high is given"),
        "epsilon_high": HIGH,
        "cliprange": WINDOW,
        "delta": Name(("dual_clip",), "method"),
        "beta": Name(("beta",), "method", f"GRPO and its children have it; {REFERENCE}"),
        "loss_type": MEAN._replace(
            but="its grpo is seq-mean-token-mean, dapo token-mean, dr_grpo seq-mean-token-sum-norm"
        ),
        "scale_rewards": ADVANTAGE._replace(but="its group is group-std, its none is group-mean"),
        "sapo_temperature_pos": Name(("tau_pos",), "method"),
        "sapo_temperature_neg": Name(("tau_neg",), "method"),
        "vllm_importance_sampling_cap": CORRECTION,
        "model": POLICY,
        "reward_funcs": TASK._replace(but="a task has the prompts and the verifier"),
        "train_dataset": TASK._replace(but="a task has the prompts and the verifier"),
    },
    "verl": {
        "ppo_epochs": EPOCHS,
        "rollout_n": GROUP,
        "max_response_length": TOKENS,
        "grad_clip": NORM,
        "default_local_dir": Name(("out",)),
        "total_training_steps": Name(("steps",)),
        "total_epochs": PASSES,
        "lr_warmup_steps": Name(("warmup",)),
        "train_batch_size": Name(
            ("prompts",), but="verl's counts prompts, OpenRLHF's the completions of an update"
        ),
        "ppo_mini_batch_size": Name(
            ("minibatches",), but="the number of minibatches, prompts / ppo_mini_batch_size"
        ),
        "ppo_micro_batch_size": AT_ONCE,
        "ppo_micro_batch_size_per_gpu": AT_ONCE,
        "save_freq": Name(("checkpoint_every",)),
        "clip_ratio": WINDOW,
        "clip_ratio_low": LOW,
        "clip_ratio_high": HIGH,
        "clip_ratio_c": Name(("dual_clip",), "method", "verl's default is 3, ours is off"),
        "kl_loss_coef": Name(("beta",), "method", REFERENCE),
        "kl_coef": Name(
            ("beta",), "method", f"verl takes it off the reward: place='reward'; {REFERENCE}"
        ),
        "loss_agg_mode": MEAN,
        "adv_estimator": ADVANTAGE,
        "norm_adv_by_std_in_grpo": ADVANTAGE._replace(but="true is group-std, false is group-mean"),
        "rollout_is_threshold": CORRECTION,
    },
    "OpenRLHF": {
        "max_epochs": EPOCHS,
        "n_samples_per_prompt": GROUP,
        "generate_max_len": TOKENS,
        "actor_learning_rate": RATE,
        "max_norm": NORM,
        "save_path": Name(("out",)),
        "num_episodes": PASSES,
        "rollout_batch_size": Name(("prompts",)),
        "micro_train_batch_size": AT_ONCE,
        "adam_betas": Name(("betas",)),
        "eps_clip": WINDOW,
        "eps_clip_low_high": WINDOW,
        "init_kl_coef": Name(
            ("beta",), "method", f"OpenRLHF takes it off the reward: place='reward'; {REFERENCE}"
        ),
        "advantage_estimator": ADVANTAGE,
        "pretrain": POLICY,
    },
    "slime": {"eps_clip_high": HIGH, "eps_clip_c": Name(("dual_clip",), "method")},
    "Stable-Baselines3": {
        "n_epochs": EPOCHS,
        "clip_range": WINDOW,
        "target_kl": Name(("stop_kl",), "method", "it stops at 1.5 times its value"),
    },
    "transformers": {"max_new_tokens": TOKENS, "model_name_or_path": POLICY},
    "other code": {
        "batch_size": Name(("prompts",), but="a batch is prompts x group completions"),
        "threshold": Name(("delta_tv",), "method"),
        "clip": WINDOW,
        "clip_eps": WINDOW,
        "clip_param": WINDOW,
        "clip_coef": WINDOW,
    },
}
"""Library -> its name -> ours."""
TENSORS: dict[str, dict[str, Name]] = {
    "TRL": {
        "per_token_logps": CURRENT,
        "old_per_token_logps": OLD,
        "sampling_per_token_logps": SAMPLER,
        "completion_mask": MASK,
    },
    "verl": {
        "log_prob": CURRENT,
        "old_log_prob": OLD,
        "rollout_log_probs": SAMPLER,
        "response_mask": MASK,
    },
    "OpenRLHF": {"log_probs": CURRENT, "old_log_probs": OLD, "action_mask": MASK},
    "slime": {"loss_mask": MASK},
    "prime-rl": {"trainer_logprobs": CURRENT, "inference_logprobs": SAMPLER},
}
"""The same of what a loss is given."""
ARGUMENTS: dict[str, dict[str, Name]] = {
    "verl": {"loss_agg_mode": Name(("how",))},
    "other code": {"mode": Name(("how",))},
}
"""The same of an argument that only some functions have."""
NO_RUN = frozenset({"aggregation", "mask"})
"""A setting that every method has, an argument that every loss has, and a run has neither."""


def near(unknown: object, known: Iterable[str]) -> str:
    """The nearest of the names that are known, as the end of an error; empty if none is near.
    The first word of a longer name counts as well: `dail` is near `dial_methods`. The same letters
    in another order are nearest. The dashes of an option do not count."""
    names, text = sorted(known), str(unknown).lower().lstrip("-")
    whole = {name: name.lower().lstrip("-") for name in names}
    first = {name: re.split("[_-]", word)[0] for name, word in whole.items()}
    words = [*whole.values(), *first.values()]
    same_letters = [word for word in words if sorted(word) == sorted(text)]
    cutoff = 0.6 if str(unknown).startswith("--") else 0.5
    found = same_letters or difflib.get_close_matches(text, words, n=1, cutoff=cutoff)
    alike = [name for name in names if found and found[0] in (first[name], whole[name])]
    if not alike:
        return ""
    nearest = max(
        alike, key=lambda name: (difflib.SequenceMatcher(None, text, whole[name]).ratio(), name)
    )
    return f"; did you mean {nearest!r}?"


def error_suffix(unknown: object, known: Iterable[str]) -> str:
    """The end of an error for the setting `unknown`: what it is called here, or else the
    nearest known name.

    Options of the command line (`--max-tokens`) work as names do."""
    text, names = str(unknown), list(known)
    option, there = text.startswith("--"), {_plain(name) for name in names}
    library, entry = _elsewhere(text, there)
    if entry is None:
        return near(text, names)
    ours = " and ".join(repr(_option(name) if option else name) for name in entry.ours)
    called = f"; {text!r} of {library} is {ours} here" if library else f"; {text!r} is"
    but = f" ({entry.but})" if entry.but else ""
    if library and there.issuperset(entry.ours):
        return called + but
    if entry.owner == "method" and there & NO_RUN:  # a method or a loss without such a setting
        return near(text, names)
    return f"{called}{',' if library else ''} {_home(entry)}{but}"


def names_its_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: the error for a keyword that the function does not have says what it is called
    here."""
    known = frozenset(signature(function).parameters)

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        for name in keywords:
            if name not in known:
                raise TypeError(
                    f"{function.__name__}: no argument is called {name!r}{error_suffix(name, known)}"
                )
        return function(*args, **keywords)

    return call


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _elsewhere(unknown: str, known: Set[str]) -> tuple[str, Name | None]:
    """The library that has this name, with ours for it; no library if it is a name of ours; None if
    it is neither."""
    for library, names in ARGUMENTS.items():
        if unknown in names and known >= {*names[unknown].ours}:
            return library, names[unknown]
    everything = (*NAMES.items(), *TENSORS.items())
    parts = _plain(unknown).split(".")  # actor_rollout_ref.actor.ppo_epochs, rollout.n
    for name in ("_".join(parts[-2:]), parts[-1]):
        for library, names in everything:
            if name in names:
                return library, names[name]
    own = {
        ours: entry.owner
        for _, names in everything
        for entry in names.values()
        for ours in entry.ours
    }
    return "", Name((parts[-1],), own[parts[-1]]) if parts[-1] in own else None


def _home(entry: Name) -> str:
    """Where a setting of ours is set."""
    first, several = entry.ours[0], len(entry.ours) > 1
    values = ", ".join(f"{name}=..." for name in entry.ours)
    if entry.owner == "run":
        return f"a setting of the run: trlib.train(..., {values}), {_option(first)}"
    if entry.owner == "method":
        what = "settings" if several else "a setting"
        owner = "DPPO" if first == "delta_tv" else "GRPO"
        return f"{what} of the method: trlib.algorithms.{owner}({values}), --set {first}=..."
    if entry.owner == "tensor":
        return f"a tensor of the pure functions: {values}"
    return f"an argument of trlib.train, {_option(first)}"
