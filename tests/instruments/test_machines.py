"""The page for several machines: its scripts start what they should, with stand-ins for Slurm and
Ray, and each setting that it names is the installed library's own."""

import dataclasses
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from book.build.paths import ROOT
from tests.instruments.test_examples import TRL, VERL, composed

PAGE = (ROOT / "book" / "interface" / "machines.md").read_text(encoding="utf-8")
STANDS_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$TYPED"
env > "$TYPED.$(basename "$0")"
case "$(basename "$0")" in
    scontrol) printf 'gpu1\\ngpu2\\ngpu3\\ngpu4\\n' ;;
    hostname) echo '10.0.0.1 10.1.0.1' ;;
    srun) while case "$1" in --*) ;; *) false ;; esac; do shift; done; exec "$@" ;;
esac
"""


@pytest.fixture
def started(tmp_path):
    """Runs a script of a recipe's copy: what it started, word by word, and the environment of
    each program."""

    def run(folder, script, *more):
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("scontrol", "srun", "hostname", "ray", "python", "accelerate"):
            (programs / name).write_text(STANDS_IN, "utf-8")
            (programs / name).chmod(0o755)
        copy = tmp_path / "copy"
        copy.mkdir()
        for source in folder.iterdir():
            if source.is_file():
                (copy / source.name).write_bytes(source.read_bytes())
        typed = tmp_path / "typed.txt"
        env = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TYPED": str(typed),
            "SLURM_JOB_NODELIST": "gpu[1-4]",
            "SLURM_PROCID": "2",
        }
        subprocess.run(["bash", script, *more], cwd=copy, env=env, check=True, timeout=60)

        def environment(program):
            text = Path(f"{typed}.{program}").read_text("utf-8")
            return dict(line.partition("=")[::2] for line in text.splitlines())

        return typed.read_text("utf-8"), environment

    return run


def test_verls_script_starts_a_head_every_worker_and_one_trainer(started):
    typed, environment = started(VERL, "several_machines.slurm", "trainer.save_freq=7")
    assert "ray start --head --node-ip-address=10.0.0.1 --port=6379 --num-gpus=8" in typed
    joins = re.findall(r"srun .*--nodelist=(\S+) ray start --address=10\.0\.0\.1:6379 .*", typed)
    assert sorted(joins) == ["gpu2", "gpu3", "gpu4"]
    (words,) = re.findall(r"python -m verl\.trainer\.main_ppo (.*)", typed)
    config = composed(words.split(" "))
    assert (config.trainer.nnodes, config.trainer.n_gpus_per_node) == (4, 8)
    assert config.actor_rollout_ref.actor.fsdp_config.fsdp_size == 8, "a machine holds a copy"
    assert config.trainer.save_freq == 7, "what is typed behind a script wins"
    assert environment("python")["RAY_ADDRESS"] == "10.0.0.1:6379"
    assert typed.rstrip().endswith("ray stop")


def test_trls_script_starts_a_launcher_with_each_machines_rank(started):
    from accelerate.commands import launch

    typed, _ = started(TRL, "several_machines.slurm", "--save_steps", "7")
    (words,) = re.findall(r"^accelerate launch (.*)", typed, re.MULTILINE)
    given = launch.launch_command_parser().parse_args(words.split())
    assert (given.machine_rank, given.main_process_ip, given.main_process_port) == (
        2,
        "gpu1",
        29500,
    )
    assert given.training_script == "dppo.py" and given.training_script_args[-2:] == [
        "--save_steps",
        "7",
    ]
    layout = yaml.safe_load((TRL / given.config_file).read_text("utf-8"))
    one = yaml.safe_load((TRL / "eight_gpus.yaml").read_text("utf-8"))
    script = (TRL / "several_machines.slurm").read_text("utf-8")
    machines = int(re.search(r"--nodes=(\d+)", script).group(1))
    accumulated = int(re.search(r"--gradient_accumulation_steps (\d+)", typed).group(1))
    assert machines == layout["num_machines"]
    assert accumulated * layout["num_processes"] == 8 * one["gradient_accumulation_steps"]


def test_the_page_names_settings_that_verl_has():
    from omegaconf import OmegaConf

    named = set(re.findall(r"`((?:trainer|data|actor_rollout_ref)\.[\w.]+)", PAGE))
    assert len(named) > 12
    both = composed([]), composed(["model_engine=megatron"])
    for name in named:
        known = [OmegaConf.select(config, name, default="absent") for config in both]
        assert known != ["absent"] * 2, name


def test_the_page_names_settings_that_trl_accelerate_and_ray_have():
    from accelerate.commands import launch
    from ray.scripts.scripts import start
    from trl import GRPOConfig
    from trl.scripts.vllm_serve import ScriptArguments

    of_trl = set(re.findall(r"`-{0,2}((?:vllm|per_device|gradient|save)_\w+)", PAGE))
    assert len(of_trl) > 6 and of_trl <= {field.name for field in dataclasses.fields(GRPOConfig)}
    of_launch = set(re.findall(r"`(num_machines|num_processes|parallelism_config_\w+)`", PAGE))
    options = {word.lstrip("-") for word in launch.launch_command_parser()._option_string_actions}
    assert len(of_launch) == 4 and of_launch <= options
    (serve,) = re.findall(r"^trl vllm-serve (.*)$", PAGE, re.MULTILINE)
    known = {field.name for field in dataclasses.fields(ScriptArguments)}
    assert set(re.findall(r"--(\w+)", serve)) <= known
    of_ray = {option for parameter in start.params for option in parameter.opts}
    scripts = (VERL / "several_machines.slurm").read_text("utf-8")
    for text in re.findall(r"ray start ([^`\n]*)", PAGE + scripts):
        assert set(re.findall(r"--[\w-]+", text)) <= of_ray, text
