"""What every worker of verl imports to have our losses: VERL_USE_EXTERNAL_MODULES=losses, with this
file's folder in PYTHONPATH. Any other loss of trlib, or one of your own, is loss_mode=trlib_token_loss
with TRLIB_METHOD=NAME or FILE.py:NAME, and TRLIB_SETTINGS if it has any."""

import json
import os

from trcheck.watch.verl import distance
from trlib.bridges.verl import register
from trlib.methods import token_loss

more = {}
if method := os.environ.get("TRLIB_METHOD"):
    settings = json.loads(os.environ.get("TRLIB_SETTINGS", "{}"))
    more["trlib_token_loss"] = token_loss(method, **settings)
register(more, delta_tv=0.15)
distance()  # actor/distance_kl: how far each update has moved the policy; two more forward passes
