"""The numbers that the tests of a dump share: what is large, how many errors are certain, what is few.

What only one rule compares with stands in the rule itself (`trcheck.diagnose.rules`)."""

import math

# What can be judged at all.
FEWEST_TOKENS = 100
FEWEST_COMPLETIONS = 8
LEAST_GROUPS = 8
LEAST_PAIRS = 20
LEAST_FREE = 16
LEAST_VERSIONS = 6
LEAST_CLIMB = 3
LEAST_CONTEXTS = 20

# How many errors are certain, and how many leave a doubt; nats by which chance is excluded.
ERRORS = 5.0
Z = 4.0
DOUBT = 2.0
CHANCE = 40.0

# Log-probs: units, what lies above 0, what float32 cannot hold.
ABOVE = 0.001
OVERFLOW = 88.0
UNITS = {"log10": math.log(10), "log2": math.log(2)}
RELATIVE = 0.06

# Sizes, in nats of a token or of a logit.
HEALTHY = 0.16
TEXT = 0.6
ENGINES = {"bf16": 0.0105}
TAIL = 2.0
STILL = 0.1
WINDOW = 0.2
MOVED = 0.02
COPIED = 0.02
NEAR = 0.1
ALIKE = 0.05
NO_SOFTMAX = 3.0

# Probabilities: of a token that is all but certain, or likely; 1 - p of one that is open.
SURE = -0.02
CERTAIN = -0.001
LIKELY = -math.log(2)
UNSURE = 0.05
ODDS = 12

# Completions that lie apart.
FAR = 6.0
FARTHEST = 30.0
FAR_LOGITS = 0.5
FAR_PASSES = 5.0
FAR_IN_ALL = 2.5
LEAST_FAR = 0.2
APART = 0.3
WHOLE = 0.55
FEW = 0.25
EARLY = 2
BEHIND = 3
ECHO = 10.0

# Correlations.
UNRELATED = 0.5
ALIGNED = 0.7
REORDERED = 0.9999

# A part of the completions at another temperature.
PART = 0.1
GAP = 1.8
QUIET = 0.35
LEAST_MOVED = 0.05

# Words: thresholds on -log μ, the largest vocabulary, and how often a word must stand there.
LEAST = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22)
VOCABULARY = 262144
OFTEN = 10
WORDS = 20

# Padding, groups and limits.
STRETCHES = 4.0
DEAD = 0.5
UNEVEN = 0.05
EVEN = 0.005
SHARES = 3
CUT = 0.1
ONE_LENGTH = 0.97
SHORT = 16
SUDDEN = 4.0

# What is said.
SHOWN = 6
SEEN = {
    "slope": 0.008,
    "per_temperature": 0.14,
    "size": 0.18,
    "aging": 0.01,
    "alone": 10,
    "tail": 0.0004,
}
SAY_SIZE = ("slope", "rise", "early", "seen")
SIZES = ("size", "text")
OF_THE_BATCH = ("dead-groups", "truncation", "half-groups", "advantages")
