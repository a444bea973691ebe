"""Reading Parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from atombench.errors import DataError


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        return pq.read_table(path)
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or ' '.join(str(error).split())}"
        raise DataError(msg) from error
    except (pa.ArrowInvalid, pa.ArrowException) as error:
        msg = f"{path} is not valid Parquet ({' '.join(str(error).split())}); delete it and run the step again"
        raise DataError(msg) from error
