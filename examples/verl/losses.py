"""What every worker of verl imports to have our losses: VERL_USE_EXTERNAL_MODULES=losses, with this
file's folder in PYTHONPATH. More of them, or one of your own:
register({"mine": token_loss("mine.py:Mine")}), with `token_loss` of trlib.methods."""

from trcheck.watch.verl import distance
from trlib.bridges.verl import register

register(delta_tv=0.15)
distance()  # actor/distance_kl: how far each update has moved the policy; two more forward passes
