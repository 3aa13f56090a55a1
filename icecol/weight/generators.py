"""What each generator stores about what it has thrown: from the columns of a dataset to a `Generation`.

The columns and conventions are those that simweights reads: neutrino-generator and genie-icetray store the settings
with every event, but not the number of files; genie-reader and CORSIKA's S frames hold one row per file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl

from icecol.dataset.scan import Dataset
from icecol.errors import MissingColumnError, MissingFactError
from icecol.weight.generations import Generation
from icecol.weight.surface import Surface, merged

Row = dict[str, Any]

GENIE_NEUTRINOS: Final = 0.7
"""Fraction of neutrinos in genie-icetray, the rest being antineutrinos; files do not store it."""
NUGEN_CYLINDER: Final = (950.0, 1900.0)
"""Radius and height (m) of neutrino-generator's cylinder where the file does not hold them."""


def generation_of(ds: Dataset, nfiles: float | None, generator: str | None = None) -> Generation:
    """Return the generation of one dataset; see `generation`."""
    kinds = [kind for kind in _KINDS if generator in {None, kind[0]}]
    if not kinds:
        names = dict.fromkeys(kind[0] for kind in _KINDS)
        msg = f"`generator` must be one of {', '.join(map(repr, names))}; found {generator!r}"
        raise ValueError(msg)
    columns = {*ds.schema.names, *(() if ds.simulation is None else ds.simulation.columns)}
    for _, needed, make in kinds:
        if columns.issuperset(needed):
            return _seen(ds, make(ds, nfiles))
    wanted = "; ".join(" and ".join(dict.fromkeys(c.partition(".")[0] for c in k[1])) for k in kinds)
    msg = f"{ds.path} does not have the weights of a generator ({wanted}): convert these keys, too"
    raise MissingColumnError(msg)


def _seen(ds: Dataset, made: Generation) -> Generation:
    """Keep the fraction of the particles thrown that a burn sample shows."""
    part = ds.manifest.blinding.fraction
    return replace(made, surfaces=tuple(replace(s, n_events=s.n_events * part) for s in made.surfaces))


def nugen(
    ds: Dataset, nfiles: float | None, key: str = "I3MCWeightDict", name: str = "PrimaryNeutrino"
) -> Generation:
    """Return the generation of neutrino-generator, or of whatever writes weights as it does."""
    total = next(
        (t for t in ("TotalWeight", "TotalInteractionProbabilityWeight") if _has(ds, f"{key}.{t}")), None
    )
    if total is None:
        msg = (
            f"{ds.path} has neither {key}.TotalWeight nor {key}.TotalInteractionProbabilityWeight: "
            "convert files that have one of them"
        )
        raise MissingColumnError(msg)
    pdg = f"{name}Type"
    rows = _schemes(ds, key, (pdg, "NEvents", "TypeWeight"), (*_RANGES, *_SHAPE))
    shapes = {tuple(row[column] for column in (*_RANGES, *_SHAPE)) for row in rows}
    if len(shapes) > 1 or len({row[pdg] for row in rows}) < len(rows):
        raise _several(ds, key, rows)
    files = _nfiles(ds, nfiles)
    surfaces = (
        Surface(
            int(row[pdg]), row["NEvents"] * _or(row["TypeWeight"], 0.5) * files, row["PowerLawIndex"],
            *_ranges(row), **_shape(row),
        )
        for row in rows
    )  # fmt: skip
    return Generation(
        merged(surfaces),
        pl.col(f"{key}.{pdg}").cast(pl.Int32),
        pl.col(f"{key}.{name}Energy"),
        pl.col(f"{key}.{name}Zenith").cos(),
        pl.col(f"{key}.{total}"),
    )


def own(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of icecol's own simulation with muons, and neutrinos if there are any."""
    found = nugen(ds, nfiles, "MuonWeightDict", "Primary")
    return nugen(ds, nfiles) + found if _has(ds, "I3MCWeightDict.PrimaryNeutrinoType") else found


def bundle_totals(ds: Dataset, nfiles: float | None) -> tuple[float, tuple[float, float]]:
    """Return how many bundles of atmospheric muons of icecol's simulation were thrown, and their range of energy."""
    key = "MuonBundleWeightDict"
    if not _has(ds, f"{key}.Weight"):
        msg = f"{ds.path} has no {key}.Weight: it has no bundles of ic.sim, or the key was not converted"
        raise MissingColumnError(msg)
    rows = _schemes(ds, key, ("NEvents", "MinEnergy", "MaxEnergy"), ())
    if len(rows) > 1:
        raise _several(ds, key, rows)
    (row,) = rows
    return row["NEvents"] * _nfiles(ds, nfiles) * ds.manifest.blinding.fraction, (
        row["MinEnergy"],
        row["MaxEnergy"],
    )


def genie_icetray(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of genie-icetray: several ranges of energy, each with files of its own."""
    key, result = "I3MCWeightDict", "I3GENIEResultDict"
    by = pl.col(f"{result}.neu").alias("neu")
    rows = _schemes(ds, key, ("NEvents", "GeneratorVolume"), (*_RANGES, *_SHAPE), by)
    ways = [
        (r["neu"], r["GeneratorVolume"], r["PowerLawIndex"], r["MinEnergyLog"], r["MaxEnergyLog"])
        for r in rows
    ]
    if len(set(ways)) < len(ways):
        raise _several(ds, key, rows)
    files = _nfiles(ds, nfiles)
    surfaces = (
        Surface(
            row["neu"], row["NEvents"] * (GENIE_NEUTRINOS if row["neu"] > 0 else 1 - GENIE_NEUTRINOS) * files,
            row["PowerLawIndex"], *_ranges(row), **_shape(row),
        )
        for row in rows
    )  # fmt: skip
    scale = f"{key}.GlobalProbabilityScale"
    scale = scale if _has(ds, scale) else f"{result}._glbprbscale"
    return _genie(result, merged(surfaces), pl.col(f"{result}.wght") * pl.col(scale))


def genie_reader(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of genie-reader: an S frame for each file."""
    _says_files(ds, nfiles, "I3GenieInfo")
    surfaces = (
        Surface(
            int(row["primary_type"]), row["n_flux_events"], row["power_law_index"],
            (row["min_energy"], row["max_energy"]), _cosines(row["min_zenith"], row["max_zenith"]),
            row["cylinder_radius"], scale=row["global_probability_scale"],
        )
        for row in _info(ds, "I3GenieInfo")
    )  # fmt: skip
    factor = pl.col("I3GenieResult.wght")
    if _has(ds, "I3GenieResult.volscale"):
        factor = factor * pl.col("I3GenieResult.volscale")
    return _genie("I3GenieResult", merged(surfaces), factor)


def _genie(result: str, surfaces: tuple[Surface, ...], factor: pl.Expr) -> Generation:
    x, y, z = (pl.col(f"{result}.p{axis}v") for axis in "xyz")
    return Generation(
        surfaces,
        pl.col(f"{result}.neu"),
        pl.col(f"{result}.Ev"),
        -z / (x * x + y * y + z * z).sqrt(),  # a momentum points where the neutrino goes
        factor,
    )


def corsika_triggered(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of triggered CORSIKA."""
    _says_files(ds, nfiles, "I3PrimaryInjectorInfo")
    key = "I3CorsikaWeight"
    return Generation(
        _showers(_info(ds, "I3PrimaryInjectorInfo")),
        _first(ds, key, "type", "pdg_encoding", "primary_pdg_encoding").cast(pl.Int32),
        _first(ds, key, "energy", "primary_energy"),
        _first(ds, key, "zenith", "primary_zenith").cos(),
        pl.col(f"{key}.weight"),
    )


def corsika_frames(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of corsika-reader with S frames."""
    _says_files(ds, nfiles, "I3CorsikaInfo")
    return _untriggered(ds, _showers(_info(ds, "I3CorsikaInfo")))


def corsika_map(ds: Dataset, nfiles: float | None) -> Generation:
    """Return the generation of corsika-reader without S frames."""
    key, pdg = "CorsikaWeightMap", "ParticleType"
    names = ("CylinderLength", "CylinderRadius", "ThetaMin", "ThetaMax", "PrimarySpectralIndex", "EnergyPrimaryMin",
             "EnergyPrimaryMax", "OverSampling", "NEvents")  # fmt: skip
    rows = _schemes(ds, key, (pdg, *names), ())
    if len({row[pdg] for row in rows}) < len(rows):
        raise _several(ds, key, rows)
    files = _nfiles(ds, nfiles)
    surfaces = (
        Surface(
            int(row[pdg]), row["NEvents"] * row["OverSampling"] * files, -round(row["PrimarySpectralIndex"], 6),
            (row["EnergyPrimaryMin"], row["EnergyPrimaryMax"]), _cosines(row["ThetaMin"], row["ThetaMax"]),
            row["CylinderRadius"], row["CylinderLength"], natural=True,
        )
        for row in rows
    )  # fmt: skip
    return _untriggered(ds, merged(surfaces))


def _untriggered(ds: Dataset, surfaces: tuple[Surface, ...]) -> Generation:
    key = "PolyplopiaPrimary"
    energy = _first(ds, key, "energy")
    return Generation(
        surfaces,
        _first(ds, key, "type", "pdg_encoding").cast(pl.Int32),
        energy,
        _first(ds, key, "zenith").cos(),
        pl.when(energy.is_not_null()).then(1.0),
    )


def _showers(rows: Iterable[Row]) -> tuple[Surface, ...]:
    """Return the surfaces of air showers, whose index is negative for a falling spectrum."""
    return merged(
        Surface(
            int(row["primary_type"]), row["n_events"] * _or(row.get("oversampling"), 1), -row["power_law_index"],
            (row["min_energy"], row["max_energy"]), _cosines(row["min_zenith"], row["max_zenith"]),
            row["cylinder_radius"], row["cylinder_height"], natural=True,
        )
        for row in rows
    )  # fmt: skip


_RANGES: Final = ("PowerLawIndex", "MinEnergyLog", "MaxEnergyLog", "MinZenith", "MaxZenith")
_SHAPE: Final = ("InjectionSurfaceR", "CylinderRadius", "CylinderHeight")

_KINDS: Final[Sequence[tuple[str, tuple[str, ...], Callable[[Dataset, float | None], Generation]]]] = (
    ("genie", ("I3GenieInfo.n_flux_events", "I3GenieResult.wght"), genie_reader),
    ("genie", ("I3GENIEResultDict.wght", "I3MCWeightDict.NEvents"), genie_icetray),
    ("corsika", ("I3CorsikaWeight.weight", "I3PrimaryInjectorInfo.n_events"), corsika_triggered),
    ("corsika", ("I3CorsikaInfo.n_events",), corsika_frames),
    ("corsika", ("CorsikaWeightMap.ParticleType", "CorsikaWeightMap.NEvents"), corsika_map),
    ("icecol", ("MuonWeightDict.PrimaryType",), own),
    ("nugen", ("I3MCWeightDict.PrimaryNeutrinoType",), nugen),
)


def _schemes(
    ds: Dataset, key: str, needed: Sequence[str], ranges: Sequence[str], *more: pl.Expr
) -> list[Row]:
    """Return the distinct ways in which events were generated, sorted; what a file does not hold is null."""
    optional = {"TypeWeight", *_SHAPE}
    columns = [
        pl.col(f"{key}.{n}").alias(n)
        if _has(ds, f"{key}.{n}") or n not in optional
        else pl.lit(None).alias(n)
        for n in (*needed, *ranges)
    ]
    found = ds.scan().select(*columns, *more).filter(pl.col("NEvents").is_not_null()).unique().collect()
    if not found.height:
        msg = f"no event of {ds.path} has a {key}: there is nothing to weight"
        raise ValueError(msg)
    return found.sort(pl.all()).to_dicts()


def _info(ds: Dataset, key: str) -> list[Row]:
    """Return the rows of an object of S frames, one per file."""
    frame = ds.simulation
    names = [] if frame is None else [n for n in frame.columns if n.startswith(f"{key}.")]
    rows = [] if frame is None else frame.select(pl.col(n).alias(n[len(key) + 1 :]) for n in names).to_dicts()
    return [row for row in rows if any(value is not None for value in row.values())]


def _ranges(row: Row) -> tuple[tuple[float, float], tuple[float, float]]:
    energy = (10.0 ** row["MinEnergyLog"], 10.0 ** row["MaxEnergyLog"])
    return energy, _cosines(row["MinZenith"], row["MaxZenith"])


def _cosines(min_zenith: float, max_zenith: float) -> tuple[float, float]:
    return math.cos(max_zenith), math.cos(min_zenith)


def _shape(row: Row) -> Row:
    """Return radius and height: a circle if events were injected on one, which older versions did."""
    circle = row["InjectionSurfaceR"]
    if circle is not None and circle > 0:
        return {"radius": circle}
    radius, height = NUGEN_CYLINDER
    return {"radius": _or(row["CylinderRadius"], radius), "height": _or(row["CylinderHeight"], height)}


def _nfiles(ds: Dataset, nfiles: float | None) -> float:
    given = ds.manifest.settings.get(
        "nfiles", 1 if ds.manifest.settings.get("form") == "simulation" else None
    )
    found = given if nfiles is None else nfiles
    if found is None:
        n = len(ds.manifest.sources)
        msg = (
            f"the number of files generated is not known for {ds.path} (it was made of {n} files, which may be merged "
            "or part of them): give `nfiles`, or settings={'nfiles': n} when converting"
        )
        raise MissingFactError(msg)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not found > 0:
        msg = f"`nfiles` is a positive number; found {found!r} for {ds.path}"
        raise ValueError(msg)
    return float(found)


def _says_files(ds: Dataset, nfiles: float | None, key: str) -> None:
    if nfiles is not None:
        msg = f"{ds.path} has an {key} for each file generated: leave out `nfiles`, which was {nfiles!r}"
        raise ValueError(msg)


def _several(ds: Dataset, key: str, rows: Sequence[Row]) -> ValueError:
    differ = [name for name in rows[0] if len({row[name] for row in rows}) > 1]
    values = "; ".join(
        f"{n}: {', '.join(str(v) for v in sorted({r[n] for r in rows}, key=str)[:4])}" for n in differ
    )
    return ValueError(
        f"the events of {ds.path} were generated in several ways, and {key} does not tell how many files each has "
        f"({values}): convert each into a dataset of its own, and give ic.weight.generation all of them"
    )


def _first(ds: Dataset, key: str, *members: str) -> pl.Expr:
    found = next((f"{key}.{m}" for m in members if _has(ds, f"{key}.{m}")), None)
    if found is None:
        msg = f"{ds.path} has no {key}.{members[0]}, which the weight needs: convert {key}, too"
        raise MissingColumnError(msg)
    return pl.col(found)


def _has(ds: Dataset, column: str) -> bool:
    return column in ds.schema.names


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
