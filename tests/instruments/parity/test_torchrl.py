"""What of torchrl 0.14.1 has a name here: equal in float64 where definitions agree."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.instruments.parity.test_verl import agree, both, close, ours
from trlib.algorithms import ppo_loss

pytestmark = pytest.mark.filterwarnings("ignore")
WINDOW = {"eps_low": 0.2, "eps_high": 0.2}


class Actor(nn.Module):
    """Stands for the policy: its distribution has the log-probs and the mask of a batch."""

    in_keys = []  # noqa: RUF012
    out_keys = []  # noqa: RUF012
    known = None

    def get_dist(self, *_, **__):
        return self.known


def theirs(torchrl, name, batch, settings, **options):
    """A loss as torchrl gives it, and its gradient."""
    from tensordict import TensorDict

    actor = Actor()
    window = (settings["eps_low"], settings["eps_high"])
    loss = getattr(torchrl, name)(
        actor, entropy_bonus=False, masking_strategy="generic", clip_epsilon=window, **options
    )
    ids = torch.zeros_like(batch["mask"], dtype=torch.long)
    given = {
        ("tokens", "full"): ids,
        ("log_probs", "full"): batch["old"],
        "advantage": batch["advantages"].unsqueeze(-1),
    }

    def value(logp):
        actor.known = SimpleNamespace(log_prob=lambda _: logp, mask=batch["mask"])
        return loss(TensorDict(given, batch_size=[len(ids)])).loss_objective.squeeze()

    return both(value, batch["logp"])


@pytest.mark.parametrize(
    ("name", "settings", "options", "how"),
    [
        ("GRPOLoss", WINDOW, {}, "token-mean"),
        ("DAPO", {"eps_low": 0.2, "eps_high": 0.28}, {}, "token-mean"),
        ("GRPOLoss", WINDOW, {"aggregation": "prompt_mean"}, "seq-mean-token-mean"),
    ],
)
def test_the_clip_is_ours(torchrl, batch, name, settings, options, how):
    found = theirs(torchrl, name, batch, settings, **options)
    agree(found, ours(ppo_loss, batch, how, **settings), partial(close, atol=1e-12))
