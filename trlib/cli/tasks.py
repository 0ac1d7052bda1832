"""`trlib tasks`: what there is, and its knobs."""

import argparse

from trlib.cli.methods import options as options
from trlib.cli.methods import show

TEXT = "list the tasks, or one with its knobs"
EXAMPLES = """\
examples:
  trlib tasks
  trlib tasks dial --json
"""


def run(args: argparse.Namespace) -> int:
    """Print one line for each task, or one task in full."""
    from trlib.tasks import TASKS, task_kind

    return show("task", TASKS, args, task_kind)
