"""Files that command and page refuse alike, and words that both say of them."""

import json


def line(**columns):
    """A line of JSON: a healthy completion of two tokens, with columns replaced, added or (None)
    left out."""
    whole = {
        "logp": [-1.0, -2.0],
        "logp_rollout": [-1.0, -2.0],
        "advantage": 1.0,
        "mask": [True, True],
        **columns,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None}) + "\n"


BAD = {
    "text": ("hello", "got 5 bytes"),
    "empty": ("", "got 0 bytes"),
    "line": (line() + '{"logp": [\n', "line 2: expected JSON"),
    "row": (line() + "[1]\n", "line 2: .* got list"),
    "an archive": ("PK\x03\x04 no archive at all, though it begins like one", "a damaged one"),
    "ragged csv": ("logp,mask\n-1,1\n-1\n", "line 3: expected 2 values.*, got 1"),
    "lists in csv": ('logp,mask\n"[1, 2","[1]"\n', "'logp': expected lists in"),
    "ragged columns": ('{"logp": [[-1], [-2]], "mask": [[1]]}', "expected as many values"),
    "no column": (line(mask=None), "'mask': not in"),
    "odd names": ('{"__proto__": [-1], "constructor": 1}\n', "'logp': not in"),
    "no completion": (line(logp=-1.0, logp_rollout=-1.0, mask=True), "'completion': not in"),
    "unequal lists": (line() + line(mask=[True]), "'mask': .* 2 values in row 1, .* got 1"),
    "no list": (line() + line(logp_rollout=None), "'logp_rollout': .* got none in row 1"),
    "two types": (line() + line(logp="-1"), "'logp': .* of one type.* got several"),
    "all masked": (line(mask=[False, False]), "'mask': .* got False for all 2"),
    "a mask of numbers": (line(mask=[1, 2]), "got 2 at row 0, position 1"),
    "a mask with holes": (line(mask=[True, None]), "got nan at row 0, position 1"),
    "a mask of texts": (line(mask=["x", "y"]), "'mask': .* got"),
    "texts for numbers": (line(logp=["a", "b"]), "'logp': .* got"),
    "a number for a list": (line(logp_rollout=-1.0), "'logp_rollout': .* got"),
    "prompts that are numbers": (line(prompt=1), "'prompt': .* got"),
    "texts that are numbers": (line(text=[0.5, 0.5]), "'text': .* got"),
    "a group missing": (line(group="x") + line(), "'group': .* got none for completion 1"),
}
