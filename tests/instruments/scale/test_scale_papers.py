"""The table of settings: every row is one that TRL's and verl's own configurations take, and TRL
takes a step with."""

import re
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from book.build.cards import CARDS as PAGES
from book.build.cards import blocks
from tests.by_day import by_day
from trbook.scale.papers import BESIDE, PAPERS, WRITTEN_FOR, of_card
from trlib.algorithms import pg_is_loss

pytestmark = pytest.mark.filterwarnings("ignore")
CARDS = {name: of_card(name) for name in PAPERS | BESIDE}
"""What the cards of the main line say."""
IN_TRL = [key for key, paper in CARDS.items() if paper.trl is not None]
IN_VERL = [key for key, paper in CARDS.items() if paper.verl is not None]
PYTHON = re.compile(r"^```python\n(.+?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def paste(monkeypatch):
    """Runs the lines of a card as they stand there, with TRL's configuration set up for a test; what
    they leave."""
    from tests.instruments.bridges.trl_run import QUIET

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")

    def run(key, **settings):
        module, _, config = CARDS[key].trl_config.rpartition(".")
        module = import_module(module)
        kind = getattr(module, config)
        monkeypatch.setattr(module, config, partial(kind, **{**QUIET, **settings}))
        (lines,) = PYTHON.findall("\n".join(blocks.trainers(PAGES[key])))
        exec(lines, found := {})
        monkeypatch.setattr(module, config, kind)
        theirs = getattr(module, config.replace("Config", "Trainer"))
        ours = found.get("Trainer") or found.get(CARDS[key].trainer, theirs)
        return ours, found["args"]

    return run


@pytest.mark.parametrize("key", IN_TRL)
def test_the_lines_of_a_card_run_as_pasted(key, paste):
    """They set what the table says. Where the sampler is in the ratio, TRL does not correct for it."""
    trl = pytest.importorskip("trl")
    assert trl.__version__.startswith(WRITTEN_FOR["trl"])
    kind, args = paste(key)
    assert {name: getattr(args, name) for name in CARDS[key].trl} == CARDS[key].trl
    if "bridge" in CARDS[key].trl_note:
        assert args.vllm_importance_sampling_correction is (kind.anchor == "recomputed")
        assert (kind.anchor == "recomputed") == (PAGES[key].ratio == "π/π_old")
    else:
        assert kind.__module__.startswith("trl.")


@pytest.mark.parametrize(
    "key", by_day(IN_VERL, *[*IN_VERL][:3], reason="half a second of verl for each paper")
)
def test_verl_takes_the_settings(key):
    verl = pytest.importorskip("verl")
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn, get_policy_loss_fn
    from verl.utils.config import omega_conf_to_dataclass

    from trlib.bridges.verl import register

    register({"trlib_pg_is": pg_is_loss})
    paper = CARDS[key]
    folder = Path(verl.__file__).parent / "trainer" / "config"
    with initialize_config_dir(config_dir=str(folder), version_base=None):
        config = compose(
            "ppo_trainer",
            overrides=[
                *paper.command().split(),
                "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4",
            ],
        )
    for name, value in paper.verl.items():
        # Hydra takes away the quotes that a comma needs.
        bare = value.strip("'") if isinstance(value, str) else value
        assert OmegaConf.select(config, name) == bare, name
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    assert (
        actor.policy_loss.loss_mode == paper.verl["actor_rollout_ref.actor.policy_loss.loss_mode"]
    )
    assert get_policy_loss_fn(actor.policy_loss.loss_mode)
    assert get_adv_estimator_fn(config.algorithm.adv_estimator)
