"""Where the examiner draws its lines, each with what it follows from."""

from __future__ import annotations

# Recognizing a loss: on this many made-up outputs the gradients must point the same way, up to rounding in float32.
PROBES = 3
SAME_DIRECTION = 0.9999
# What is read of outputs that are free to be the best for each row must explain so much of the targets.
READ = 0.8
# An output is taken for a probability distribution when its rows sum to 1 up to rounding.
SUMS_TO_ONE = 1e-4

# How rows are held out. Below TINY rows no row can be spared: the fit of all rows is judged. Below SMALL a fifth of
# the rows tells too little, and quarters are held out.
TINY = 25
SMALL = 250
FOLDS = 4
HELD_OUT = 0.2
# Parts are held out one after another until ENOUGH_ROWS of small data have judged and, of up to MANY rows, RARE of the
# rarest class.
ENOUGH_ROWS = 80
RARE = 12
MANY = 5000

# When a training is sick: how far it stays below what the data was shown to allow, relative to that, together with an
# absolute gain in skill (0: as good as a constant, 1: perfect) beyond noise. Faults cost more than untuned settings:
# in the healthy third-party programs that the design's study looked at, longer or wider trainings gained up to a
# third, other changes less than a tenth.
RELATIVE_FAULT = 0.20
# Where something is visibly wrong before any comparison (scales two orders apart, units dead at the start), half of
# that is enough: what is known to harm and was seen to cost is hardly chance.
EVIDENT_FAULT = 0.10
EVIDENT = 0.75  # suspicion from which something is visibly wrong
RELATIVE_HEADROOM = 0.50
ABSOLUTE_GAIN = 0.05
SIMPLY_BETTER = 0.1  # of a simple model where no change of the training was seen to help: it differs in more than one
STANDARD_ERRORS = 3.0  # one in 740 by chance; some fifteen arms are tried, so about 2 % of programs
EVIDENT_ERRORS = 2.33  # one in 100, of a cause that was visible before anything was tried: it is one claim, not fifteen

# A change counts as the cause when it alone brings this share of what all changes bring together (design's study).
SHARE_OF_GAIN = 0.8
SHARE_OF_CURE = 0.95  # of the gain, from which causes put right are a cure; below, what helps further is added

# Skill on training rows from which a network is large enough for them: more units cannot bring ABSOLUTE_GAIN there.
KNOWN_THROUGHOUT = 1 - ABSOLUTE_GAIN

# What a training that learned nothing may show by chance on its own rows, of which there are more than held-out ones.
NOTHING_LEARNED = 0.05
# Below this skill it is asked on other rows too, and of other models, whether what was reached is chance.
DOUBTFUL_SKILL = 0.2

# Signals. A sigmoid or tanh is saturated where its slope is below a tenth of its steepest; a ReLU unit is dead when it
# is zero on every row that was looked at.
SATURATED_SLOPE = 0.1
MANY_SATURATED = 0.5
MANY_DEAD = 0.5
# Default initialization of deep networks shrinks gradients by up to 10 per layer pair; a thousandfold is a standstill
# for any optimizer without per-weight scale.
VANISHED = 1e-3
FAINT = 0.1  # of the last steps' gradient gets back to the first ones of a sequence, where these are not learned from
EXPLODED = 100.0  # root mean square of a weight's first gradient: for data and outputs of unit spread it is below 1
FAR = 30.0  # lengths: networks that learn end within a few lengths of their first weights
LARGE_MOMENTUM = 0.95  # from here the last 20 steps and more push on together

# Features are well scaled within a factor of ten of unit spread, and within three spreads of zero: beyond, gradient
# descent's condition number exceeds a hundred (LeCun et al. 1998, Efficient backprop, section 4.3).
SPREAD_FACTOR = 10.0
OFFSET_SPREADS = 3.0

# Where half of the rows lie within less than a tenth of what they would in a normal distribution of the same spread,
# a few others make that spread, and standardizing leaves the rest as unscaled as a factor of ten does.
MIDDLE_HALF = 1.349  # spreads of a normal distribution that its middle half takes
FEW_VALUES = 20  # of a feature: marks and grades rather than measurements

# Whole numbers may be names where they are more than marks, and each has as many rows as its mean takes to be known to
# a quarter of its spread.
FEWEST_NAMES = 4
ROWS_OF_A_NAME = 16

# The share of their first guess from which running means say little of the batches.
STALE = 0.1
# Outputs that differ by more than this share of their spread between two calls are not a row's own.
RESTLESS = 0.01

# L2 penalties that are in use go from 1e-5 to 1e-2 (the largest that torch's own examples and papers on small networks
# take); decoupled ones are multiplied by the rate, and usually lie between 1e-2 and 1.
MUCH_DECAY = 1e-3  # from here it is tried without
HEAVY_DECAY, CRUSHING_DECAY = 1e-2, 1e-1
DECOUPLED = 100.0  # times as much does as little harm
# A half is the most that is usually dropped (Srivastava et al. 2014, Dropout).
HEAVY_DROPOUT, CRUSHING_DROPOUT = 0.6, 0.8

# How long is long enough: the bundle takes at least this many steps, and at most this multiple of the examined epochs.
ENOUGH_STEPS = 600
MOST_LONGER = 10
CHECKPOINTS = 20  # at most so many looks at the held-out rows in a training
# An arm that has to reach a skill is ended from half time on when by the pace of its curve it stays below, and after
# any fold when it does, by so many standard errors.
HOPELESS_ERRORS = 2.0
# A row's contribution counts no less when trainings are compared: one wild row must not hide the others.
FLOOR = -5.0
# Taking changes back ends when so many trainings' work is done: what a sick training may cost (15) less what
# confirming takes. A training of fewer than ENOUGH_STEPS steps counts as so many.
MOST_WORK = 10.0
# And nothing is asked that the verdict does not need when so much is done, unless a time was given instead.
MOST_WORK_IN_ALL = 20.0

ADAM_RATES = (1e-3, 3e-3, 1e-2)  # tried for the bundle: Adam's own default and what small networks take
STAND_IN_RATE = 3e-3  # of a network of our own, whatever suits the examined one
RATE_FACTORS = (0.001, 0.01, 0.1, 10.0, 100.0, 1000.0)  # tried with the examined optimizer

# A training learns by heart when the squared error of held-out rows rises after its best moment by this share of a
# constant's error: what confident mistakes cost beyond their number.
LEARNED_BY_HEART = 0.1
# Or when the log loss does by this share of the entropy of the classes' shares. In the healthy programs that were
# looked at for it, it rises by a tenth at most, and by four tenths in one whose answers stay as good; a twentieth of
# the rows of two equal classes, called wrong with 99.9 % certainty, make it a half.
SURE_MISTAKES = 0.5
KNOWN_BY_HEART = 0.15  # skill on training rows above what anything reached on others, where labels may be wrong
# Rows are too few when, by the pace of the last doubling, four times as many would bring this much skill.
MORE_ROWS_BRING = 0.12
CLEARLY_MORE = 1.28  # standard errors that half of the rows must fall behind all by: nine in ten
# A class is ignored when fewer of its rows are found; weighting must bring this much skill to blame the imbalance.
IGNORED_RECALL = 0.3
WEIGHTS_BRING = 0.2
UNEVEN = 1.5  # times as rare, from which the line at half of the share and that of balanced accuracy lie apart
RARE_CLASS = 3.0  # times as rare as the largest, from which a class may be ignored at all
# Trainings that differ in their seed alone are expected within this much skill.
SEEDS_APART = 0.3
CLASS_NUMBERS = 12  # at most so many whole numbers may be classes
