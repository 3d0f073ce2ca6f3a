"""`python -m llamita` is `llamita`."""

from __future__ import annotations

import sys

from llamita.cli import main

if __name__ == "__main__":
    sys.exit(main())
