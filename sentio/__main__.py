"""``python -m sentio``."""

import sys

from sentio.cli import main

if __name__ == "__main__":
    sys.exit(main())
