"""One tree, one verdict: the suite draws the same examples each time; `make surprise` draws new ones."""

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("same")
