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

    changed: dict[int, pd.Series] = {}
    for i, dtype in enumerate(frame.dtypes):
        text = isinstance(dtype, pd.StringDtype)
        if not (text or pd.api.types.is_object_dtype(dtype)):
            continue
        values = frame.iloc[:, i].to_numpy(dtype=object)
        gaps = pd.isna(values)
        if text or any(value is not None for value in values[gaps].tolist()):
            values = values.copy()
            values[gaps] = None
            changed[i] = pd.Series(values, index=frame.index, dtype=object)
    if not changed:
        return frame
    columns = {i: changed.get(i, frame.iloc[:, i]) for i in range(frame.shape[1])}
    made = pd.DataFrame(columns, index=frame.index)
    made.columns = frame.columns
    return made
