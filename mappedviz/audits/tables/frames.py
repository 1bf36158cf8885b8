"""Tables that are the same under every pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with text as objects, and None where there is no text.

    pandas 3 makes columns of text of a type of its own, in which None becomes NaN: whatever asks
    ``value is None`` would never hear yes.

    Examples
    --------
    >>> import pandas as pd
    >>> plain_text(pd.DataFrame({"dtype": ["int64", None]}))["dtype"].tolist()
    ['int64', None]
    """
    import pandas as pd

    columns, changed = {}, False
    for i, dtype in enumerate(frame.dtypes):
        columns[i] = column = frame.iloc[:, i]
        gaps = column.isna().to_numpy()
        text = isinstance(dtype, pd.StringDtype)
        if text or (pd.api.types.is_object_dtype(dtype) and gaps.any()):
            values = column.to_numpy(dtype=object, copy=True)
            values[gaps] = None
            columns[i] = pd.Series(values, index=frame.index, dtype=object)
            changed = True
    if not changed:
        return frame
    made = pd.DataFrame(columns, index=frame.index)
    made.columns = frame.columns
    return made
