"""Writes the dashboards: ``python3 -m grafana.generate``, from the root of the project. Needs Python alone."""

from __future__ import annotations

import json
from pathlib import Path

from grafana import fleet, itself, proof, sentio
from grafana.model import Json

FOLDER = Path(__file__).with_name("dashboards")
BOARDS: dict[str, Json] = {
    "fleet.json": fleet.BOARD,
    "itself.json": itself.BOARD,
    "proof.json": proof.BOARD,
    "sentio.json": sentio.BOARD,
}


def text(board: Json) -> str:
    """As it stands in its file: the same for the same board, whatever the order it was made in."""
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, board in BOARDS.items():
        (FOLDER / name).write_text(text(board), "utf-8")


if __name__ == "__main__":
    main()
