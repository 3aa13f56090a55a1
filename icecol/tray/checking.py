"""A prototype against the kernel that it became."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from icecol.detector.geometry import Geometry
from icecol.i3.frames.frame import Frame
from icecol.reco.decorator import Kernel
from icecol.tray.chain import Tray
from icecol.tray.features import Values, evaluation


def check(
    kernel: Kernel,
    module: Any,
    frames: Any,
    *,
    pulses: str,
    output: str,
    gcd: str | Path | Geometry | None = None,
    rtol: float = 1e-9,
    atol: float = 0.0,
    **parameters: Any,
) -> int:
    """Check that a module in Python puts into each P frame what the compiled kernel computes of its pulses.

    Parameters
    ----------
    kernel
        The kernel.
    module
        A module, such as a function of a frame, that puts its result into the frame: a number, or a map with the fields
        of the kernel. It puts nothing where there are no such pulses.
    frames
        Where the frames come from: anything that can be the source of a `Tray`.
    pulses
        Key of the pulse series that the kernel reads.
    output
        Key of the module's result.
    gcd
        As for `Tray.add`.
    rtol, atol
        Relative and absolute tolerance: numbers agree if they differ by at most atol + rtol x the kernel's; NaN agrees
        with NaN.
    parameters
        Parameters of the kernel.

    Returns
    -------
    int
        Number of events compared.

    Raises
    ------
    AssertionError
        Some events differ: says how many, and for the first ones what the kernel and what the module gave.

    Examples
    --------
    >>> import icecol as ic, numpy as np, polars as pl
    >>> @ic.kernel(last=pl.Float64)
    ... def last(time, before=1e9):
    ...     return time[time < before].max() if time.size else np.nan
    >>> def prototype(frame):
    ...     times = frame.pulses("InIcePulses").time
    ...     frame["Last"] = float(max(times))
    >>> frames = list(ic.sim.frames(ic.sim.events(5, seed=1)))
    >>> ic.tray.check(last, prototype, frames, pulses="InIcePulses", output="Last")
    5
    """
    compute = evaluation(kernel, pulses=pulses, gcd=gcd, compiled=True, parameters=parameters)
    n = 0
    different: list[str] = []
    for frame in Tray().add(frames).add(module):
        if frame.stop != "P":
            continue
        computed = compute(frame)
        expected, found = computed and computed[0], _found(frame, output, kernel)
        n += 1
        if not _agree(expected, found, rtol, atol):
            header = frame.get("I3EventHeader")
            event = (
                f"event {header.event_id} of run {header.run_id}"
                if header is not None
                else f"P frame {n - 1}"
            )
            different.append(f"{event}: the kernel gives {expected}, the module {found}")
    if different:
        msg = f"{len(different)} of {n} events differ:\n" + "\n".join(different[:5])
        raise AssertionError(msg)
    return n


def _found(frame: Frame, output: str, kernel: Kernel) -> Values | None:
    """Return what the module put into the frame, by field."""
    if output not in frame:
        return None
    obj = frame[output]
    if isinstance(obj, Mapping):
        return dict(obj)
    return (
        dict.fromkeys(kernel.fields, obj.value)
        if obj.names == ("value",)
        else {k: getattr(obj, k) for k in obj.names}
    )


def _agree(expected: Values | None, found: Values | None, rtol: float, atol: float) -> bool:
    if expected is None or found is None:
        return expected is found
    there = {name: value for name, value in expected.items() if value is not None}
    return there.keys() == found.keys() and all(
        math.isclose(value, found[name], rel_tol=0, abs_tol=atol + rtol * abs(value))
        or (math.isnan(value) and math.isnan(found[name]))
        for name, value in there.items()
    )
