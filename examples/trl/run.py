"""Trains with TRL what `mine.py` asks; the settings are in a YAML file, and any of them on the
command line wins:

    python dppo.py --config one_gpu.yaml --learning_rate 2e-6 --output_dir runs/dppo
"""

from dataclasses import dataclass
from pathlib import Path

from mine import prompts, reward
from transformers import AutoTokenizer
from transformers.trainer_utils import get_last_checkpoint
from trl import GRPOConfig, ModelConfig, TrlParser, get_peft_config


@dataclass
class Limits:
    longest_prompt: int = 256
    """Tokens; prompts above it are left out. TRL has no such limit, and vLLM stops the run at a
    prompt that leaves no room for the completion."""


def short(rows, tokenizer, longest):
    """The rows whose prompt has at most `longest` tokens, as TRL counts them."""

    def fits(row):
        text = tokenizer.apply_chat_template(
            row["prompt"], tokenize=False, add_generation_prompt=True
        )
        return len(tokenizer(text, add_special_tokens=False).input_ids) <= longest

    kept = rows.filter(fits)
    print(f"{len(rows) - len(kept)} of {len(rows)} prompts have more than {longest} tokens")
    return kept


def train(kind, **recipe):
    """Train with a trainer of class `kind`; `recipe`: what belongs to the method, of GRPOConfig.

    The run goes on from the last checkpoint in `output_dir`, if there is one."""
    parser = TrlParser((GRPOConfig, ModelConfig, Limits))
    parser.set_defaults(**recipe)
    config, model, limits = parser.parse_args_and_config()
    config.model_init_kwargs = {"dtype": model.dtype}
    tokenizer = AutoTokenizer.from_pretrained(
        model.model_name_or_path, padding_side="left", trust_remote_code=False
    )
    trainer = kind(
        model=model.model_name_or_path,
        args=config,
        processing_class=tokenizer,
        reward_funcs=reward,
        train_dataset=short(prompts("train"), tokenizer, limits.longest_prompt),
        eval_dataset=short(prompts("test"), tokenizer, limits.longest_prompt),
        peft_config=get_peft_config(model),
    )
    trainer.accelerator.print(f"{trainer.accelerator.num_processes} processes")
    folder = Path(config.output_dir)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(folder) if folder.is_dir() else None)
    trainer.save_model(str(folder / "last"))
    return trainer
