"""Fitting the numbers that nobody measured to published results, in the open: a plan, its evaluations, a posterior."""
