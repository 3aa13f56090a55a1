"""What must hold for any feature: a row's value depends on that row alone, however the frame is cut and stored."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from icecol.missing import columns_read


def check_feature(feature: pl.Expr, frame: pl.DataFrame) -> pl.Series:
    """Check that slicing, filtering, re-chunking, concatenating or reversing a frame changes no row's feature.

    Parameters
    ----------
    feature
        The feature, of icecol or of your own.
    frame
        Events with the columns that it reads; include empty lists and nulls.

    Returns
    -------
    pl.Series
        The feature of every row, as computed on the whole frame.

    Raises
    ------
    AssertionError
        The value of a row changed; the message says what was done to the frame, and names the first such row.

    Examples
    --------
    >>> from icecol import Pulses, reco
    >>> frame = pl.DataFrame({"P.time": [[1.0], []], "P.charge": [[2.0], []], "P.omkey": [[65792], []]})
    >>> check_feature(reco.charge(Pulses("P")), frame).struct.field("total").to_list()
    [2.0, 0.0]
    """
    n = frame.height
    index = "__row"
    numbered = frame.rechunk().with_row_index(index)
    query = [pl.col(index), feature.alias("feature")]
    whole = numbered.select(query)["feature"]
    lonely = [c for c in columns_read(feature) if c in frame.columns]
    ways: dict[str, Callable[[], pl.DataFrame]] = {
        "slicing": lambda: numbered[n // 3 :],
        "filtering": lambda: numbered.filter(pl.col(index) % 2 == 0),
        "concatenating chunks": lambda: pl.concat([numbered[: n // 2], numbered[n // 2 :]], rechunk=False),
        "repeating": lambda: pl.concat([numbered[n // 2 :], numbered, numbered[: n // 2]]),
        "reversing": numbered.reverse,
        "taking no rows": lambda: numbered[:0],
        "giving one column a base of its own": lambda: _rebased(numbered, lonely[:1]),
        "hiding rows behind nulls": lambda: numbered.with_columns(
            pl.when(pl.col(index) % 2 == 0).then(pl.col(c)).alias(c) for c in lonely
        ).filter(pl.col(index) % 2 == 0),
    }
    for what, change in ways.items():
        changed = change()
        for engine in ("in-memory", "streaming"):
            found = changed.lazy().select(query).collect(engine=engine)
            _compare(whole, found.get_column(index), found.get_column("feature"), f"{what} ({engine})")
    return whole


def _rebased(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return the same rows, with the values of the named columns beginning elsewhere in memory."""
    return frame.with_columns(
        pl.concat([frame[name], frame[name]], rechunk=True)[frame.height :] for name in names
    )


def _compare(whole: pl.Series, rows: pl.Series, found: pl.Series, what: str) -> None:
    expected = whole.gather(rows)
    if found.dtype != whole.dtype:
        msg = f"{what} changes the type of the feature from {whole.dtype} to {found.dtype}"
        raise AssertionError(msg)
    for row, a, b in zip(rows, expected, found, strict=True):
        if repr(a) != repr(b):
            msg = f"{what} changes the feature of row {row} from {a!r} to {b!r}"
            raise AssertionError(msg)
