"""`python -m trlib`: the command line."""

from __future__ import annotations

import sys

from trlib.cli import main

sys.exit(main())
