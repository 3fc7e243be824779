"""Names and settings of the command that its help needs, which must be fast."""

__all__ = ["COMPLETION", "HELP", "PREFIX", "PROGRAM"]

PROGRAM = "multicart"
PREFIX = "MULTICART"
"""The beginning of the names of all environment variables."""
COMPLETION = "_MULTICART_COMPLETE"
"""The variable with which the completion script of a shell asks for words."""
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""The settings of each command's context."""
