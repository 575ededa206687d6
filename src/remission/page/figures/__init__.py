"""The figures: one small module each, from what was played (or from knowledge) to a `Figure`."""
