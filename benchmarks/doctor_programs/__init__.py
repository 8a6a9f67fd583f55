"""The programs of the doctor's benchmark, in parts.

Faulty programs come with a repaired twin, healthy ones alone. Until 30 November 2026 nobody who set a threshold of the
doctor read the files whose names begin with `held_out`; since then its mechanisms have learned from them as well. The
parts "asked", "later", "recent", "last", "unseen", and those from "unseen again" to "unseen fourteenth" were written
before the doctor was tried on them; what it then got wrong was put right, so that their first figures alone say how it
does on programs that it does not know. The part "recently held out" was written with "recent", and its answers were
only counted.
"""

from __future__ import annotations

from doctor_programs import (
    development_arrays,
    development_asked,
    development_healthy,
    development_last,
    development_later,
    development_masked,
    development_recent,
    development_tables,
    held_out_faulty,
    held_out_healthy,
    held_out_recent,
    unseen_again,
    unseen_arrays,
    unseen_eighth,
    unseen_eleventh,
    unseen_fifth,
    unseen_fourteenth,
    unseen_fourth,
    unseen_ninth,
    unseen_seventh,
    unseen_sixth,
    unseen_sixth_healthy,
    unseen_tables,
    unseen_tenth,
    unseen_third,
    unseen_thirteenth,
    unseen_twelfth,
)
from doctor_programs.program import Program, programs_of

PROGRAMS: tuple[Program, ...] = (
    *programs_of(
        "development",
        (*development_tables.FAULTY, *development_arrays.FAULTY, *development_masked.FAULTY),
        (*development_healthy.HEALTHY, *development_masked.HEALTHY),
    ),
    *programs_of("asked", development_asked.FAULTY, ()),
    *programs_of("later", development_later.FAULTY, ()),
    *programs_of("recent", development_recent.FAULTY, development_recent.HEALTHY),
    *programs_of("last", development_last.FAULTY, development_last.HEALTHY),
    *programs_of(
        "unseen",
        (*unseen_tables.FAULTY, *unseen_arrays.FAULTY),
        (*unseen_tables.HEALTHY, *unseen_arrays.HEALTHY),
    ),
    *programs_of("unseen again", unseen_again.FAULTY, unseen_again.HEALTHY),
    *programs_of("unseen third", unseen_third.FAULTY, unseen_third.HEALTHY),
    *programs_of("unseen fourth", unseen_fourth.FAULTY, unseen_fourth.HEALTHY),
    *programs_of("unseen fifth", unseen_fifth.FAULTY, unseen_fifth.HEALTHY),
    *programs_of("unseen sixth", unseen_sixth.FAULTY, unseen_sixth_healthy.HEALTHY),
    *programs_of("unseen seventh", unseen_seventh.FAULTY, unseen_seventh.HEALTHY),
    *programs_of("unseen eighth", (), unseen_eighth.HEALTHY),
    *programs_of("unseen ninth", (), unseen_ninth.HEALTHY),
    *programs_of("unseen tenth", unseen_tenth.FAULTY, unseen_tenth.HEALTHY),
    *programs_of("unseen eleventh", unseen_eleventh.FAULTY, unseen_eleventh.HEALTHY),
    *programs_of("unseen twelfth", unseen_twelfth.FAULTY, unseen_twelfth.HEALTHY),
    *programs_of("unseen thirteenth", unseen_thirteenth.FAULTY, unseen_thirteenth.HEALTHY),
    *programs_of("unseen fourteenth", unseen_fourteenth.FAULTY, unseen_fourteenth.HEALTHY),
    *programs_of("held out", held_out_faulty.FAULTY, held_out_healthy.HEALTHY),
    *programs_of("recently held out", held_out_recent.FAULTY, held_out_recent.HEALTHY),
)
