"""Every threshold of the passive checks, in one place, each with its source or its derivation.

They are judged by false alarms as much as by hits: a threshold stands where healthy trainings do not come by. What is
said of healthy ones below was seen in fourteen trainings of `fitwell train` on tables by defaults, and in 27 sound
programs of the doctor's benchmark that `fw.watch` looked at.
"""

# --- when a signal counts ------------------------------------------------------------------------------------------

# A spike is no symptom: what is wrong must hold in four of five of the steps that were seen, and three must be seen.
SUSTAINED, LEAST_STEPS = 0.8, 3
LEAST_LOOKS = 4  # a direction needs two differences, and telling it from noise one more
MAJORITY = 0.5  # of the members that a symptom must befall, to be said of a training

# --- how much was learned ------------------------------------------------------------------------------------------

# A training that took away less than a fiftieth of the loss of knowing nothing has hardly moved: by one column alone,
# an R² of 0.02 can just be told from nothing with 200 rows (F = 0.02 / 0.98 · 198 = 4.0, p = 0.05).
MOVED = 0.02
# Signals of a layer only matter where the training is poor. Half of the loss of knowing nothing left is not proof of
# that, but a layer that learned nothing cannot have been missed where less is left.
LEARNED = 0.5

# --- gradients -----------------------------------------------------------------------------------------------------

# The norms of hidden layers beside that of the last one lay between 0.18 and 2.8 in healthy trainings. Each sigmoid
# layer shrinks them at least fourfold (Hochreiter 1991): a thousandth is five such layers, or a tenth in each of three.
VANISHED = 1e-3
EXPLODED = 1e3  # the same distance, the other way
GROWN = 100.0  # the norm of all gradients beside that at the beginning; training lowers it, as the loss falls

# --- units ---------------------------------------------------------------------------------------------------------

# Half the outputs of a relu layer are zero at the start, and trained layers are sparse up to nine tenths (Glorot,
# Bordes & Bengio 2011); healthy ones here up to 0.65. A live unit that acts on one row in 50 at most can hardly be told
# from a dead one.
ZEROS = 0.98
DEAD = 0.5  # of units counted one by one: half is SageMaker Debugger's default for dead relus
# Within a twentieth of a bound, the slope is below a fifth of the largest. A layer of which nine tenths stand there
# passes nearly nothing back (Glorot & Bengio 2010, figure 2).
SATURATED = 0.9

# --- the learning rate ---------------------------------------------------------------------------------------------

# A step moves weights by about a thousandth of their size (Karpathy 2015, lecture 6 of CS231n); a hundred times that
# replaces them within ten steps, and a hundredth needs 100,000 steps to move them as far. Healthy layers: up to 0.024.
UPDATE_HIGH, UPDATE_LOW = 0.1, 1e-5
# The mean training loss of a whole epoch, beside that of knowing nothing, which a sound start does not exceed: steps
# that raise it threefold went past the minimum by more than the distance to it.
BLOWN_UP = 3.0
FALLING = 0.9  # of the changes from look to look: the loss creeps, and nothing turns it
# The median change of the training loss from look to look, as a share of the loss of knowing nothing. The mean over an
# epoch of 100 rows has a standard error of a tenth of the spread of single losses, which is about the loss itself.
# Healthy trainings: up to 0.07.
UNSTABLE = 0.15
TURNING = 0.3  # of the changes go up: a loss that falls with few reversals does not oscillate, however fast

# --- the end -------------------------------------------------------------------------------------------------------

# A rise of the validation loss since its best look is beyond noise at three standard deviations of what looks scatter
# around their running median. It is worth a word where a tenth of what had been learned is lost again, and a warning
# from a fifth on.
RISE_ERRORS, RISEN, RISEN_BADLY = 3.0, 0.1, 0.2
# The last third of the epochs brought a fifth of all that was learned: an exponential approach that is 1.6 time
# constants long does that, and has a fifth still to go. Converged trainings bring under a twentieth.
STILL_FALLING, LAST_PART = 0.2, 1 / 3
FEW_BATCHES = 4  # steps an epoch: the rows are used in so few, large steps that epochs tell little of progress
CLIPPED = 0.9  # of the steps: the clip then sets the length of every step, instead of cutting the rare long ones

# --- inputs and targets --------------------------------------------------------------------------------------------

# Gradient descent converges at the pace of the smallest spread, at a rate that the largest allows: squared, so a
# hundredfold spread is a condition of 10,000 (LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.3).
SPREAD_RATIO, SPREAD_LARGE = 100.0, 100.0
# A head of unit weights reaches a few units, and Adam moves it by one rate a step: 30 units are thousands of steps.
TARGET_LARGE, TARGET_SMALL = 30.0, 1e-3
TARGET_FAR = 100.0  # standard deviations from zero: the head's bias must travel there before anything else is learned

# --- before the first step -----------------------------------------------------------------------------------------

# What a layer puts out for different rows, beside its size: below a thousandth, float16 cannot tell the rows apart, and
# the layers after it see a constant.
FLAT_START, WILD_START = 1e-3, 1e3
# Times the loss of knowing nothing. A random head whose outputs have unit spread adds half a nat to a cross-entropy,
# and one variance to a squared error: less than, and just, once more.
FIRST_LOSS = 3.0

# --- answers -------------------------------------------------------------------------------------------------------

IGNORED_ROWS = 10  # held-out rows of a class that is never answered: of fewer, chance could miss all
FLATTERED = 0.8  # an accuracy that sounds good
