# The public names of icecol: what type checkers see, and what `__init__.py` imports on first use.

from . import (
    batch,
    convert,
    coordinates,
    errors,
    export,
    filters,
    hist,
    plot,
    reco,
    runs,
    select,
    sim,
    stats,
    tray,
    units,
    weight,
)
from .blindness import blind, unblind
from .convert.live import scan_i3
from .dataset.facts import facts
from .dataset.pulses import Pulses
from .dataset.scan import Dataset
from .dataset.several import Datasets, open_dataset
from .detector.geometry import Geometry
from .i3.archive.objects import new
from .i3.classes.own import i3_class
from .i3.classes.particle import FitStatus, LocationType, ParticleShape
from .i3.frames.files import open_i3, write_i3
from .i3.frames.frame import Frame
from .reco.decorator import kernel
from .reco.plan import with_features
from .samples import Sample, Samples
from .saving import drop_features, save_features
from .select import Cuts, cutflow, n_minus_one
from .speed.measure import bench
from .speed.profiles import profile
from .tray import Tray

__version__: str

__all__ = [
    "Cuts",
    "Dataset",
    "Datasets",
    "FitStatus",
    "Frame",
    "Geometry",
    "LocationType",
    "ParticleShape",
    "Pulses",
    "Sample",
    "Samples",
    "Tray",
    "batch",
    "bench",
    "blind",
    "convert",
    "coordinates",
    "cutflow",
    "drop_features",
    "errors",
    "export",
    "facts",
    "filters",
    "hist",
    "i3_class",
    "kernel",
    "n_minus_one",
    "new",
    "open_dataset",
    "open_i3",
    "plot",
    "profile",
    "reco",
    "runs",
    "save_features",
    "scan_i3",
    "select",
    "sim",
    "stats",
    "tray",
    "unblind",
    "units",
    "weight",
    "with_features",
    "write_i3",
]
