"""What a module of a tray is: checked when it is added, and turned into what is called with each frame."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import EllipsisType
from typing import Any, Final

import numpy as np

from icecol.i3.frames.frame import Frame
from icecol.tray.features import is_feature

METHODS: Final = {
    "P": "physics",
    "Q": "daq",
    "G": "geometry",
    "C": "calibration",
    "D": "detector_status",
    "S": "simulation",
    "I": "tray_info",
}
"""Method of a module that is called with the frames of a stop; `process` for other stops, or where it is missing."""

Function = Callable[[Frame], Any]

_LONGEST: Final = 60
"""Number of characters of a parameter that are shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """A module as it was added."""

    name: str
    module: Any
    stops: str | EllipsisType | None
    if_: Callable[[Frame], Any] | None
    parameters: Mapping[str, Any]

    def described(self) -> str:
        """Return the parameters in one line, each value shortened."""
        return ", ".join(f"{name}={_short(value)}" for name, value in self.parameters.items())

    def selected(self) -> str:
        """Return which frames it is called with, in words."""
        stops = "" if self.stops is ... else "all" if self.stops is None else self.stops
        return " ".join(filter(None, [stops, f"if {name_of(self.if_)}" if self.if_ is not None else ""]))


def _short(value: Any) -> str:
    lines = f"{value!r:.200}".splitlines() or [""]
    return lines[0] if len(lines) == 1 and len(lines[0]) <= _LONGEST else f"{lines[0][: _LONGEST - 3]}..."


def name_of(module: Any) -> str:
    """Return the name that a module has in its source."""
    while isinstance(module, partial):
        module = module.func
    function = getattr(module, "function", module)  # of a kernel
    return str(getattr(function, "__name__", type(module).__name__.lower()))


def takes_all(module: Any) -> bool:
    """Return whether a module takes the stream of all frames."""
    return callable(getattr(module, "stream", None))


def has_methods(module: Any) -> bool:
    """Return whether a module has methods for frames of some stops."""
    return any(hasattr(module, name) for name in (*METHODS.values(), "process", "finish"))


def check_source(label: str, module: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse what cannot be a source of frames."""
    if (
        is_feature(module)
        or isinstance(module, Mapping)
        or not (isinstance(module, Iterable) or callable(module))
    ):
        msg = f"{label!r} is not a source: begin with files, an iterable of frames, or a function that returns one"
        raise TypeError(msg)
    _check_parameters(label, module, parameters)


def check_module(label: str, module: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse what cannot be a module."""
    if not (callable(module) or has_methods(module) or takes_all(module)):
        names = ", ".join([*METHODS.values(), "process", "finish", "stream"])
        msg = f"{label!r} is not a module: give a function of a frame, or an object with some of the methods {names}"
        raise TypeError(msg)
    frame = () if isinstance(module, type) else (None,)
    _check_parameters(label, module, parameters, *frame)


def _check_parameters(label: str, module: Any, parameters: Mapping[str, Any], *frame: None) -> None:
    """Refuse parameters that a module does not take, before anything runs."""
    fixed = not isinstance(module, type) and (has_methods(module) or not callable(module))
    if fixed and parameters:
        msg = f"module {label!r} is an object, not a class, and takes no parameters; found {next(iter(parameters))!r}"
        raise TypeError(msg)
    if fixed:
        return
    try:
        signature = inspect.signature(module)
    except ValueError:  # built-in functions may have none
        return
    try:
        signature.bind(*frame, **parameters)
    except TypeError as err:
        msg = f"module {label!r}: {err}; it is {label}{signature}"
        raise TypeError(msg) from None


def instance(step: Step) -> tuple[Any, Mapping[str, Any]]:
    """Return the module, made anew for this run if it is a class, and the parameters for its calls."""
    if isinstance(step.module, type):
        return step.module(**step.parameters), {}
    return step.module, step.parameters


def functions_of(step: Step) -> tuple[Callable[[str], Function | None], Callable[[], Any] | None]:
    """Return what is called with the frames of a stop, None for nothing, and what is called at the end."""
    module, parameters = instance(step)
    methods = has_methods(module)
    stops = step.stops if isinstance(step.stops, str) else None if methods or step.stops is None else "P"
    function = None if methods else partial(module, **parameters)

    @cache
    def function_of(stop: str) -> Function | None:
        if stops is not None and stop not in stops:
            return None
        process = function or getattr(module, "process", None)
        return getattr(module, METHODS[stop], process) if methods and stop in METHODS else process

    return function_of, getattr(module, "finish", None) if methods else None


def frames_of(result: Any, frame: Frame | None) -> list[Frame]:
    """Return the frames that a module's answer stands for."""
    if result is None or isinstance(result, bool | np.bool_):
        return [frame] if frame is not None and (result is None or result) else []
    if isinstance(result, Frame):
        return [result]
    if isinstance(result, Iterable) and not isinstance(result, str | bytes | Mapping):
        frames = list(result)
        wrong = next((f for f in frames if not isinstance(f, Frame)), None)
        if wrong is None:
            return frames
        result = wrong
    msg = f"it returned {result!r}: return None or True to keep the frame, False to drop it, or frames in its place"
    raise TypeError(msg)
