"""``python -m sentio``."""

from sentio.cli import script

if __name__ == "__main__":
    script()
