"""Raised by a contender that cannot run here; its message stands in the table."""


class Unavailable(RuntimeError):
    pass
