"""`python -m trlib`: the command line."""

import sys

from trlib.cli import main

sys.exit(main())
