"""What is believed of a patient: the smallest and the largest value of a column, and its unit."""

from remission.knowledge.care import EARLIEST, LATEST

RANGES: dict[str, tuple[float, float, str]] = {
    "patient": (0, 2**48 - 1, "a whole number"),
    "age_y": (0, 120, "years"),
    "height_cm": (30, 250, "cm"),
    "weight_kg": (1, 300, "kg"),
    "bsa_m2": (0.1, 3, "m2"),
    "wbc": (0.01, 2000, "1e9/L"),
    "blood_blasts": (0, 2000, "1e9/L"),
    "marrow_blasts": (0, 1, "a fraction, 0-1"),
    "anc": (0, 200, "1e9/L"),
    "platelets": (0, 3000, "1e9/L"),
    "haemoglobin": (1, 25, "g/dL"),
    "creatinine_umol_l": (1, 2000, "umol/L"),
    "growth_per_day": (1e-4, 2, "1/day"),
    "care_year": (EARLIEST, LATEST, "a year"),
    "missed": (0, 1, "a fraction, 0-1"),
}
