"""Forecasts with statsforecast, in an environment of its own: ``python statsforecast_peer.py IN.npz OUT.npz``.

In: ``values [S, n]``, ``ends [O]`` (how many samples of each series are known), ``ahead`` and ``season`` (samples).
Out: for each model its ``mean [S, O, ahead]``, and the CPU ``seconds`` of one forecast under the same name.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from statsforecast.models import MSTL, AutoETS


def main() -> None:
    """Each model over all series and ends."""
    given = np.load(sys.argv[1])
    values, ends, ahead, season = given["values"], given["ends"].tolist(), int(given["ahead"]), int(given["season"])
    # AutoETS knows no seasons beyond 24 samples.
    models = {"MSTL": lambda: MSTL(season_length=season), "AutoETS": lambda: AutoETS(season_length=1)}
    out: dict[str, Any] = {}
    for name, make in models.items():
        make().forecast(y=values[0, : ends[0]], h=ahead)  # what is done once in a process
        started = time.process_time()
        out[name] = [[make().forecast(y=row[:end].copy(), h=ahead)["mean"] for end in ends] for row in values]
        out[f"{name} seconds"] = (time.process_time() - started) / len(values) / len(ends)
    np.savez(sys.argv[2], **out)


if __name__ == "__main__":
    main()
