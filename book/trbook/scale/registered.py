"""What a worker of verl imports to have this package's losses:
VERL_USE_EXTERNAL_MODULES=trbook.scale.registered."""

from trlib.bridges.verl import register

register()
