"""Whether two states hold the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentio.types import Array


def assert_same_arrays(found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Field by field where an array is of records, for in these NumPy takes one NaN for another than the next."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        for field in array.dtype.names or (...,):
            np.testing.assert_array_equal(found[name][field], array[field], err_msg=f"{name} {field}")
