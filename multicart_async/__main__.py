"""``python -m multicart_async`` is the command ``multicart``."""

import sys

from multicart_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
