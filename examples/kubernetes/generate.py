"""The rules of prometheus/rules as a PrometheusRule, which has them in itself and cannot refer to a file.

    python examples/kubernetes/generate.py [ADDRESS] > examples/kubernetes/prometheusrule.yaml

ADDRESS is where a reader of an alert reaches Sentio; the links of the alerts lead there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import indent

RULES = Path(__file__).resolve().parents[2] / "prometheus/rules"
SERVICE = "http://sentio:8000"

_LOCAL = "http://localhost:8000"
_HEAD = """\
# Made by generate.py of prometheus/rules; change them there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sentio
  labels: {app.kubernetes.io/name: sentio}
spec:
  groups:
"""


def manifest(address: str = SERVICE) -> str:
    """The PrometheusRule, with the comments of the rules."""
    groups = [file.read_text("utf-8").partition("\ngroups:\n")[2] for file in sorted(RULES.glob("*.yml"))]
    return _HEAD + indent("\n".join(groups), "  ").replace(_LOCAL, address.rstrip("/"))


if __name__ == "__main__":
    sys.stdout.write(manifest(*sys.argv[1:]))
