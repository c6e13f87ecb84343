"""What `sentio serve` notices of its files, also where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.cli.serve import digest


def test_a_folder_that_goes_while_it_is_looked_at_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yml").write_text("a")
    before = digest([tmp_path])
    with monkeypatch.context() as patched:

        def gone(path: Path) -> None:
            raise FileNotFoundError(path)

        patched.setattr(Path, "iterdir", gone)
        without = digest([tmp_path])
        assert without == digest([tmp_path]), "one change, not one with every look"
    assert without != before == digest([tmp_path])
