"""The programs of the doctor's benchmark, in three parts: two to build the doctor by, one to judge it by.

Faulty programs come with a repaired twin, healthy ones alone. Nobody who sets a threshold of the doctor reads the files
whose names begin with `held_out`. The part "asked" was written before the doctor was tried on it; what it then got
wrong was put right, so that its first figures alone say how it does on programs that it does not know.
"""

from __future__ import annotations

from doctor_programs import (
    development_arrays,
    development_asked,
    development_healthy,
    development_masked,
    development_tables,
    held_out_faulty,
    held_out_healthy,
)
from doctor_programs.program import Program, programs_of

PROGRAMS: tuple[Program, ...] = (
    *programs_of(
        "development",
        (*development_tables.FAULTY, *development_arrays.FAULTY, *development_masked.FAULTY),
        (*development_healthy.HEALTHY, *development_masked.HEALTHY),
    ),
    *programs_of("asked", development_asked.FAULTY, ()),
    *programs_of("held out", held_out_faulty.FAULTY, held_out_healthy.HEALTHY),
)
