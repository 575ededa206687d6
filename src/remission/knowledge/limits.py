"""How much a file may hold: bounds far above any real protocol, so that every file is answered in a moment.

What lies above is refused with its place (``BadInput``). docs/limits.md lists them for users.
"""

from __future__ import annotations

FILE_BYTES = 400_000  # of a knowledge file
PROTOCOL_BYTES = 120_000  # of a protocol file
YAML_DEPTH = 20  # keys and lists within each other
YAML_NODES = 16_000  # keys, values and items of a file, those that aliases repeat included
NUMBER_LETTERS = 300  # of a whole number

SENTENCE_LETTERS = 2_000  # of a sentence with its sources
NUMBER_DIGITS = 15  # of a number in a sentence, before or after its point
CONDITION_PARTS = 50  # comparisons in a condition
CONDITION_DEPTH = 20  # brackets and nots within each other
CONDITION_WAYS = 100  # alternatives in which a condition can come true: (a or b) and (c or d) has four
PROTOCOL_WAYS = 1_000  # of all conditions of a protocol

MISTAKES = 100  # that are told at once
PHASES = 200  # of a protocol, with those of others that it goes on to
SENTENCES = 200  # under one key of a phase
PHASE_DAYS = 7_305  # of a phase with all its cycles: 20 years
TREATMENT_DAYS = 36_525  # of all phases with their cycles: 100 years
CALENDAR_LINES = 100_000  # doses and checks of all phases with their cycles
INFUSION_HOURS = 2_400.0  # of one dose: 100 days
