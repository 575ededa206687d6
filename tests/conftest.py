"""One tree, one verdict: the suite draws the same examples each time; `make surprise` draws new ones. How fast a
machine is decides no test."""

from hypothesis import HealthCheck, settings

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", **PATIENT)
settings.register_profile("same", derandomize=True, **PATIENT)
settings.load_profile("same")
