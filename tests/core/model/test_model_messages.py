"""What loading, sampling and scoring say of a bad argument: a row for each, with the words."""

import math
from functools import partial

import pytest
import torch

from tests.losses import named, refused
from trlib import load_policy, load_task
from trlib.model.loading import place_for, type_for
from trlib.model.policy import Policy
from trlib.model.rollout import sample

DIAL = load_policy("dial")
CPU = torch.device("cpu")
TWO = {"prompts": [[1, 2], [3]]}
STATE = DIAL.state()
FIRST = next(iter(STATE))
NO_TYPE = r"dtype: expected 'auto' or .* \(float16, bfloat16, .*\), got '{}'"


class Others:
    """The tokenizer of another model."""

    eos_token_id = 2

    def __call__(self, texts, **_):
        return {"input_ids": [[3, DIAL.vocabulary] for _ in texts]}


def ruined(temperature):
    policy = load_policy("dial")
    with torch.no_grad():
        policy.model.model.norm.weight[3] = math.nan
    sample(policy, [load_task("dial").prompts(1, seed=0)[0].text], temperature=temperature)


def templated(template):
    policy = load_policy("dial")
    policy.tokenizer.chat_template = "{{ messages[0].content }}"
    chat = Policy(policy.name, policy.model, policy.tokenizer, chat=True)
    policy.tokenizer.chat_template = template
    sample(chat, ["7 : +3 ="], max_tokens=2)


MIXED = Policy("mine", DIAL.model, Others())
SAID = [
    ("policy: expected one of .*dial.*, a folder or a hub id .*, got 'dail'; did you mean 'dial'", load_policy, {"name": "dail"}),
    ("CheckpointError: policy './nowhere': no such folder", load_policy, {"name": "./nowhere"}),
    (r"device: .*\), got 'no'$", place_for, {"device": "no", "parameters": 1}),
    *((NO_TYPE.format(wrong), type_for, {"dtype": wrong, "device": CPU}) for wrong in ("int8", "Tensor")),
    *(
        (f"{kind}lora: {words}", load_policy, {"name": "dial", "lora": lora})
        for kind, words, lora in (
            ("", "lora_dropout: .* at least 0 and", {"lora_dropout": 2}),
            ("", ".*no_such", {"target_modules": ["no_such"]}),
            # peft by itself would train the other and say nothing
            ("", "target_modules: .*got 'q_prog'; did you mean 'q_proj'", {"target_modules": ["v_proj", "q_prog"]}),
        )
    ),
    (".*expected the .* tensors of policy 'dial'", DIAL.load_state, {"state": {"x": torch.zeros(1)}}),
    (rf"state: '{FIRST}': expected", DIAL.load_state, {"state": {**STATE, FIRST: torch.zeros(2)}}),
    *(("tokenizer: expected ids below .*: it is another model's", partial(encode, ["a"]), {}) for encode in (MIXED.encode, MIXED.encode_prompts)),
    *(
        (words, partial(sample, DIAL), TWO | wrong)
        for words, wrong in (
            (r"prompts\[0\]: .*at least one", {"prompts": [[]]}),
            (r"prompts\[1\]: .*at most", {"prompts": [[1], [1] * (DIAL.context - 15)]}),
            (r"prompts\[0\]: .*from 0 to", {"prompts": [[1, DIAL.vocabulary]]}),
            ("full_rows: .*got 2", {"full_rows": [2]}),
            (r"TypeError: prefixes\[1\]: .*'x'", {"prefixes": [[1], "x"]}),
            (r"prefixes\[1\]: .*from 0 to", {"prefixes": [[1], [-1]]}),
            ("prefixes: .*2 completions, got 1", {"prefixes": [[1]]}),
            ("prefixes: .*max_tokens = 16 .*got 17", {"prefixes": [[1] * 17, []]}),
            (r"ends_at: .*no token that holds '\\n'", {"ends_at": "\n"}),
        )
    ),
    *(("NonFiniteError: sampling: token 0 has NaN or inf among its logits", ruined, {"temperature": t}) for t in (0, 1.0)),
    *(
        (rf"CheckpointError: chat: expected a chat template that .*{words}.*\(--no-chat\) does", templated, {"template": template})
        for template, words in (
            ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_is_said_of_a_bad_argument_of_a_model(words, call, given):
    refused(words, call, **given)


NAMED = [
    (
        partial(sample, DIAL),
        TWO,
        {"prompts": (3, "3 : +1 ="), "prefixes": ("x",), "seed": ("x",)},
        {
            "group": (0,),
            "max_tokens": (2.5,),
            "temperature": (-1,),
            "logit_noise": (math.nan,),
            "topk": (DIAL.vocabulary + 1, 1.5),
            "ends_at": ("", "so"),
        },
    ),
    (
        DIAL.score,
        {"completions": sample(DIAL, ["7 : +3 ="], max_tokens=4)},
        {"completions": ("7 : +3 =",)},
        {"at_once": (0, 1.5), "temperature": (math.inf,)},
    ),
]


@pytest.mark.parametrize(("call", "given", "types", "values"), NAMED)
def test_each_bad_value_is_named_with_what_came_to_a_model(call, given, types, values):
    named(call, given, types, **values)
