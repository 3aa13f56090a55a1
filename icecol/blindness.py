"""Blindness: restrict what of a dataset may be seen, and lift the restriction on purpose."""

from __future__ import annotations

import getpass
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from icecol.dataset import manifest as manifests
from icecol.dataset.blinding import EVENT, RUN, Act, Blinding, Burn, Range, Veil
from icecol.dataset.scan import Dataset, open_dataset
from icecol.errors import MissingColumnError, SchemaError, did_you_mean

__all__ = ["blind", "unblind"]


def __dir__() -> list[str]:
    return __all__


def blind(
    ds: Dataset,
    *,
    burn: float | None = None,
    by: Literal["run", "event"] = "run",
    hide: str | Iterable[str] = (),
    scramble: str | Iterable[str] = (),
    where: Mapping[str, Range] | None = None,
    name: str = "",
    period: float = 2 * math.pi,
    seed: int = 0,
) -> Dataset:
    """Blind a dataset on disk, in addition to what is blind already: from then on, less of it is read.

    It protects from accidents, not from intent: the Parquet files keep everything, and other tools can read it.

    Parameters
    ----------
    ds
        The dataset.
    burn
        Part of the runs or events (0 to 1) that may be seen, chosen by their numbers and the seed. Livetime and
        weights take it into account.
    by
        Choose whole runs, or single events (of which all sub-events are kept).
    hide
        Columns, or patterns such as `"*.energy"`, that become null.
    scramble
        Columns or patterns of floats to which a random part of `period` is added, the same for all columns of an
        event: azimuths, for the right ascension.
    where
        Region that is blind: (from, to) of columns, `{"Fit.energy": (6e4, None)}`. With `hide` or `scramble` these
        happen there only; alone, its events are left out. An event without a value counts as inside.
    name
        What is blind, in words, for figures: `"right ascension"`.
    period
        See `scramble`; the full circle by default.
    seed
        Of what is random.

    Returns
    -------
    Dataset
        The dataset, opened again. Datasets that are open already do not know of it.

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    SchemaError
        If a scrambled column is not of floats, or one of a region not of numbers.
    ValueError
        If nothing is to be blinded, there is a burn sample already, or a column is blind already.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(50, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> ds = ic.blind(ds, burn=0.2, by="event", seed=3)
    >>> ds = ic.blind(ds, scramble="*.azimuth", name="right ascension")
    >>> ds.manifest.blinding.describe()
    'burn sample, 20 %; blind: right ascension scrambled'
    >>> ds.scan().collect().height
    6
    """
    before = ds.manifest.blinding
    hidden, scrambled = _columns(ds, hide), _columns(ds, scramble)
    region = {column: (limits[0], limits[1]) for column, limits in (where or {}).items()}
    _check(ds, before, burn, by, (*hidden, *scrambled), scrambled, region)
    veils = [
        Veil(how, columns, region, seed, period, name)  # type: ignore[arg-type]
        for how, columns in (("hide", hidden), ("scramble", scrambled))
        if columns
    ]
    if region and not veils:
        veils = [Veil("drop", (), region, seed, period, name)]
    sample = None if burn is None else Burn(float(burn), seed, by)
    if sample is None and not veils:
        msg = "nothing to blind: give `burn`, `hide`, `scramble` or `where`"
        raise ValueError(msg)
    what = Blinding(sample, tuple(veils)).describe()
    act = Act(_now(), _user(None), what)
    return _written(ds, Blinding(sample or before.burn, (*before.veils, *veils), (*before.acts, act)))


def unblind(ds: Dataset, *, reason: str, user: str | None = None) -> Dataset:
    """Make all of a dataset visible; time, user and reason are recorded in its manifest.

    Parameters
    ----------
    ds
        The dataset.
    reason
        Why, such as the approval of the unblinding.
    user
        Who; the name of the user of this process by default.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    ValueError
        If nothing is blind, or no reason is given.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(5, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> ds = ic.unblind(ic.blind(ds, hide="MCPrimary.energy"), reason="approved on 30 November", user="hans")
    >>> ds.manifest.blinding.acts[-1].what
    'unblinded (blind: MCPrimary.energy hidden)'
    """
    before = ds.manifest.blinding
    if not before.active:
        msg = f"{ds.path} is not blind"
        raise ValueError(msg)
    if not reason.strip():
        msg = "give the reason why the dataset is unblinded: it is kept in its manifest"
        raise ValueError(msg)
    act = Act(_now(), _user(user), f"unblinded ({before.describe()})", reason.strip())
    return _written(ds, Blinding(acts=(*before.acts, act)))


def _check(
    ds: Dataset,
    before: Blinding,
    burn: float | None,
    by: str,
    veiled: tuple[str, ...],
    scrambled: tuple[str, ...],
    region: Mapping[str, Range],
) -> None:
    schema = ds.scan().collect_schema()
    if burn is not None:
        if before.burn is not None:
            msg = f"{ds.path} has a {before.burn.describe()} already"
            raise ValueError(msg)
        if not 0 < burn < 1:
            msg = f"`burn` is a part between 0 and 1; found {burn!r}"
            raise ValueError(msg)
        if by not in {"run", "event"}:
            msg = f"`by` must be 'run' or 'event'; found {by!r}"
            raise ValueError(msg)
    needed = [RUN] if burn is not None and by == "run" else []
    needed += [RUN, EVENT] if scrambled or (burn is not None and by == "event") else []
    for column in (*needed, *region):
        if column not in schema:
            msg = f"{ds.path} has no column {column!r}; {did_you_mean(column, schema.names(), 'columns')}"
            raise MissingColumnError(msg)
    twice = [column for column in veiled if veiled.count(column) > 1 or column in before.columns]
    if twice:
        msg = f"{twice[0]!r} is blind already, or given twice"
        raise ValueError(msg)
    if {*veiled} & {RUN, EVENT}:
        msg = "the numbers of runs and events cannot be blind, as they choose what is seen"
        raise ValueError(msg)
    for column, kinds, fits in (
        *((c, "floats", schema[c].is_float()) for c in scrambled),
        *((c, "numbers", schema[c].is_numeric()) for c in region),
    ):
        if not fits:
            msg = f"column {column!r} is {schema[column]}, not of {kinds}"
            raise SchemaError(msg)


def _columns(ds: Dataset, patterns: str | Iterable[str]) -> tuple[str, ...]:
    several = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    return tuple(dict.fromkeys(name for pattern in several for name in ds.columns(pattern)))


def _written(ds: Dataset, blinding: Blinding) -> Dataset:
    there = manifests.read(ds.path / manifests.NAME)  # others may have changed the rest since it was opened
    manifests.write(replace(there, blinding=blinding), ds.path / manifests.NAME)
    return open_dataset(ds.path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _user(user: str | None) -> str:
    if user is not None:
        return user
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
