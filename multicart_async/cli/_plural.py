"""Numbers of things in a sentence."""

__all__ = ["counted"]


def counted(number: int, noun: str) -> str:
    """Return ``1 run`` or ``2 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
