"""`python -m ganstyle`: the command line where the script isn't on the path."""

from __future__ import annotations

import sys

from ganstyle.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
