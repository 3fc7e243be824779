"""The commands, one module for each group of them."""

__all__: list[str] = []
