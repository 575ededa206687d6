"""Is the engine right? `make verify` answers with numbers; `tests/test_verification.py` runs the same code on less."""
