"""A value for every token: a network of the policy's kind that starts from its weights, with a head
of its own."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trlib import checks
from trlib.model.attention import reading
from trlib.model.completions import Completions
from trlib.model.packing import Layout
from trlib.model.policy import Policy


class _ValueModel(nn.Module):
    def __init__(self, policy: Policy, outputs: int) -> None:
        super().__init__()
        self.body = copy.deepcopy(policy.model)
        hidden = policy.model.config.get_text_config().hidden_size
        # Zeroed below: `nn.Linear` would first draw from torch's global generator.
        self.head = nn.utils.skip_init(nn.Linear, hidden, outputs, dtype=torch.float32)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.to(policy.device)

    def forward(self, **inputs: Any) -> Tensor:
        causal = self.body.get_base_model() if hasattr(self.body, "get_base_model") else self.body
        hidden = causal.base_model(**inputs).last_hidden_state
        return self.head(hidden.to(self.head.weight.dtype))


class Critic:
    """V(x, y_<t): what the rest of a completion is expected to earn, before its token t. Several
    `outputs` are numbers that the method chooses, such as quantiles."""

    def __init__(self, policy: Policy, *, outputs: int = 1) -> None:
        self.policy, self.outputs = policy, outputs
        self.model = _ValueModel(policy, outputs)
        learning = {f"body.{name}" for name in policy.trainable}
        output = policy.model.get_output_embeddings()
        heads = {id(p) for p in output.parameters()} - {
            id(p) for p in policy.model.get_input_embeddings().parameters()
        }
        unused = {f"body.{name}" for name, p in policy.model.named_parameters() if id(p) in heads}
        every = self.model.named_parameters()
        self.trainable = {
            name: p for name, p in every if name in learning - unused or name.startswith("head.")
        }
        self.model.requires_grad_(False)
        for p in self.trainable.values():
            p.requires_grad_(True)

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters that learn."""
        return list(self.trainable.values())

    def values(
        self,
        completions: Completions,
        weights: Mapping[str, Tensor] | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """[B, T], or with several outputs [B, T, outputs], float32 or wider, with gradient;
        `weights` and `layout` as in `Policy.score`. Where there is no token, values are those of
        the padding: finite and meaningless."""
        layout = layout or self.policy.layout(completions)
        inputs = layout.inputs()
        with reading(self.model.body, layout):
            out = (
                self.model(**inputs)
                if weights is None
                else functional_call(self.model, dict(weights), (), inputs)
            )
        predictions = out.to(checks.wide(out))[:, -layout.kept :].flatten(0, 1)[layout.index]
        return predictions.squeeze(-1) if self.outputs == 1 else predictions

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Set the parameters that learn, in place."""
        for name, p in self.trainable.items():
            p.copy_(state[name])
