"""Models as workspaces of pyhf, the JSON of HistFactory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from icecol.stats.model import Model
    from icecol.stats.templates import Parameter, Part


def pyhf_workspace(model: Model, data: Any, parameter: str, *, channel: str = "counts") -> dict[str, Any]:
    """Write a model and data as a pyhf workspace, a dict that can be saved as JSON and read by `pyhf.Workspace`.

    A free norm is a `normfactor`. A norm with a normal prior of (mean, deviation) is a `histosys` of the same name,
    whose parameter is (norm - mean) / deviation, as pyhf constrains no normfactor. A variation is a `histosys`. With
    the likelihood `barlow_beeston`, the statistical error of the simulation is a `staterror`; pyhf keeps its relative
    size as it is where the parameters start.

    Parameters
    ----------
    model
        The model; its likelihood must be `poisson` or `barlow_beeston`.
    data
        Histogram or array of counts.
    parameter
        Name of the norm that is tested, which must be free and without a prior.
    channel
        Name of the channel.

    Returns
    -------
    dict
        The workspace.

    Raises
    ------
    ValueError
        If pyhf has no equivalent: another likelihood, a free spectral index, a prior of unequal
        deviations or of another mean or width than (0, 1) on a variation, variations under a norm with a prior.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [5.0], "background": [3.0]}, {"background": stats.Parameter(fixed=True)}, "poisson"
    ... )
    >>> stats.pyhf_workspace(model, [3], "signal")["observations"]
    [{'name': 'counts', 'data': [3.0]}]
    """
    if model.likelihood not in ("poisson", "barlow_beeston"):
        msg = f"pyhf has no likelihood {model.likelihood!r}: make the model with 'poisson' or 'barlow_beeston' first"
        raise ValueError(msg)
    settings = model.parameters[model.names[model.number(parameter)]]
    if settings.prior is not None or settings.fixed:
        msg = f"the tested norm {parameter!r} must be free and without a prior, as it is pyhf's parameter of interest"
        raise ValueError(msg)
    known = {name: setting for name, setting in model.parameters.items() if not setting.fixed}
    return {
        "version": "1.0.0",
        "channels": [{"name": channel, "samples": [_sample(model, p, channel) for p in model.parts]}],
        "observations": [{"name": channel, "data": model.counts(data).tolist()}],
        "measurements": [
            {
                "name": "measurement",
                "config": {"poi": parameter, "parameters": [_setting(n, s) for n, s in known.items()]},
            }
        ],
    }


def _sample(model: Model, part: Part, channel: str) -> dict[str, Any]:
    """Return a component as a sample, at its norm where that is fixed or has a prior."""
    settings = model.parameters
    free = [name for name in (part.events.logs if part.events else ()) if not settings[name].fixed]
    if free:
        msg = f"component {part.name!r} has a free spectral index {free[0]!r}, for which pyhf has no modifier: fix it"
        raise ValueError(msg)
    start = {name: setting.start for name, setting in settings.items()}
    norm = settings[part.norm]
    scale = norm.start if norm.fixed else norm.center if norm.prior else 1.0
    fixed = {name: start[name] if settings[name].fixed else 0.0 for name in part.shifts}
    values, variances, _ = part.at({**start, **fixed})
    nominal = scale * values
    modifiers: list[dict[str, Any]] = []
    if not norm.fixed and norm.prior is None:
        modifiers.append({"name": part.norm, "type": "normfactor", "data": None})
    elif not norm.fixed:
        below, above = norm.deviations
        if below != above or part.shifts:
            msg = (
                f"norm {part.norm!r} has a prior of unequal deviations, or its component has variations as well: "
                f"pyhf has no modifier for that"
            )
            raise ValueError(msg)
        modifiers.append(_histosys(part.norm, nominal - below * values, nominal + above * values))
    for name, (down, up) in part.shifts.items():
        if settings[name].fixed:
            continue
        if settings[name].prior != (0.0, 1.0):
            msg = f"nuisance parameter {name!r} must have the prior (0, 1) in pyhf; found {settings[name].prior}"
            raise ValueError(msg)
        modifiers.append(_histosys(name, nominal + scale * down, nominal + scale * up))
    if model.likelihood == "barlow_beeston":
        errors = (scale * np.sqrt(variances)).tolist()
        modifiers.append({"name": f"staterror_{channel}", "type": "staterror", "data": errors})
    return {"name": part.name, "data": nominal.tolist(), "modifiers": modifiers}


def _histosys(name: str, low: Any, high: Any) -> dict[str, Any]:
    return {"name": name, "type": "histosys", "data": {"lo_data": low.tolist(), "hi_data": high.tolist()}}


def _setting(name: str, setting: Parameter) -> dict[str, Any]:
    """Return start and bounds of a parameter, a constrained norm in units of its deviation; infinite bounds are far."""
    mean, width, reach = 0.0, 1.0, 100.0
    if setting.prior is not None:
        mean, width, reach = setting.center, setting.deviations[0], 10.0
    low, high = (setting.lower - mean) / width, (setting.upper - mean) / width
    inits = (setting.start - mean) / width
    bounds = [low if math.isfinite(low) else -reach, high if math.isfinite(high) else inits + reach]
    return {"name": name, "inits": [inits], "bounds": [bounds]}
