"""How large a search may be: so that it and the trainings it ends with fit into the time."""

from __future__ import annotations

from dataclasses import dataclass

from fitwell.learning import Pace, Setup
from fitwell.recipe import changed
from fitwell.training.loop import batching
from fitwell.tuning.halving import epochs_of, rungs_of, survivors_of

SEARCH_SHARE = 0.4  # of the time that is left; the rest is for two trainings with all that belongs to them
TRAINING_SHARE = 0.2  # of the time, for the steps alone of one of them
FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much a search does."""

    trials: int
    epochs: int  # of a whole training
    rungs: tuple[float, ...]
    survivors: tuple[int, ...]

    @property
    def work(self) -> float:
        """Epochs of all trials together."""
        return epochs_of(self.trials, self.rungs, self.survivors)


def size_of(setup: Setup, trials: int, *, epochs: int) -> Size:
    """Return what a search of so many trials does, when a whole training has so many epochs."""
    training = changed(setup.recipe, {"training.epochs": epochs}).training
    goes_on = survivors_of(
        trials,
        rungs_of(training),
        warmup_epochs=training.warmup_epochs,
        steps_per_epoch=batching(len(setup.training), training)[1],
        validation_rows=len(setup.validation),
    )
    return Size(trials=trials, epochs=epochs, rungs=tuple(goes_on), survivors=tuple(goes_on.values()))


def affordable(setup: Setup, trials: int, *, pace: Pace, seconds: float) -> Size:
    """Return the largest search of at most so many trials that fits into the seconds, by the pace of one network.

    Trainings become shorter first, if not even one of them would fit its share of the time; then trials become fewer.
    That a group trains faster than its members one by one is not counted on.
    """
    most = setup.recipe.training.epochs
    assert most != "auto"
    per_epoch = pace.epoch(setup)
    epochs = max(1, min(most, int(TRAINING_SHARE * seconds / per_epoch)))
    for count in range(trials, FEWEST, -1):
        size = size_of(setup, count, epochs=epochs)
        if size.work * per_epoch <= SEARCH_SHARE * seconds:
            return size
    return size_of(setup, FEWEST, epochs=epochs)
