"""The page of the columns of features: `python tests/feature_columns.py > docs/feature-columns.md`."""

from __future__ import annotations

import inspect
import re
import sys

import polars as pl

import icecol as ic
from icecol import ahead
from icecol.dataset.facts import UNITS
from icecol.i3.classes import FAMILIES
from icecol.reco.feature import cost

TOP = """\
# Columns of features

What each feature of `ic.reco` adds as `Name.column`, with types and units, in its usual form; generated from the
features themselves. *Cost* is the time for an event of some 60 pulses on one core that `with_features` reckons with to
order features. What they agree with, and how exactly: [features](features.md#all-features).
"""
NOT_COLUMNS = {"Kernel", "Selection", "dom_set", "event_expr", "explode_subevents", "kernel", "with_features"}
"""Public names of `ic.reco` that are no features: what features are made of, and what works on whole frames."""

OF_CLASSES = {m.name: m.unit for c in FAMILIES["reco"] for m in c.fields}
"""Units of the members of IceTray's classes, which features have, too."""
OTHERS = {
    **dict.fromkeys(("charge_20_percent_time", "charge_50_percent_time", "cherenkov_time"), "ns"),
    **dict.fromkeys(("charge_weighted_mean_time", "charge_weighted_std_time"), "ns"),
    **dict.fromkeys(("first_pulse_time", "last_pulse_time"), "ns"),
    **dict.fromkeys(
        ("charge_100ns", "charge_500ns", "layer0", "layer1", "qtot", "total_charge", "veto_charge"), "PE"
    ),
    **dict.fromkeys(
        ("cherenkov_distance", "closest_approach_distance", "distance", "distance_along_track"), "m"
    ),
    **dict.fromkeys((f"{what}_{i}" for what in ("cherenkov", "cog") for i in "xyz"), "m"),
    **dict.fromkeys((f"{method}_energy" for method in ("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS")), "GeV"),
    **dict.fromkeys((f"{method}_dEdX" for method in ("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS")), "GeV/m"),
    **dict.fromkeys(("area_size", "flags", "inside", "kept", "light", "light_error", "n_bins", "n_doms"), ""),
    **dict.fromkeys(
        ("n_sensors", "n_triggers", "n_veto_hits", "n_veto_pulses", "omkey", "vetoed", "volume_size"), ""
    ),
}
"""Units of further members."""
ALONE = {"opening_angle": "rad", "cylinder_size": "", "fired": ""}
VALUES = {"homogenized_qtot": "PE", "causal_qtot": "PE", "fill_ratio_lite": ""}
TRIGGERS = {"smt", "string_trigger", "volume_trigger"}


def unit(feature: str, column: str) -> str:
    """Return the unit of a column of a feature; KeyError: write it down above."""
    member = re.sub("_[A-E]$", "", column)
    if not member:
        return ALONE[feature]
    if member == "value":
        return VALUES[feature]
    if member == "length" and feature in TRIGGERS:
        return "ns"
    return (OF_CLASSES | UNITS | OTHERS)[member]


def usual() -> dict[str, pl.Expr]:
    """Return each public feature in its usual form, by name."""
    p, r = ic.Pulses(ahead.KEY, ic.Geometry.nominal()), ic.reco
    known = ahead.features(p) | ahead.fits(p)
    others = {
        "charge_range": r.charge_range(p),
        "fired": r.fired(1006),
        "slc_pulses": r.slc_pulses(p),
        "static_time_window": r.static_time_window(p),
        "time_window": r.time_window(p),
    }
    return {name: feature for name, feature in (known | others).items() if "," not in name}


def summary(name: str) -> tuple[str, str]:
    """Return what a feature is, and the papers that it is from."""
    doc = inspect.getdoc(getattr(ic.reco, name)) or ""
    first = doc.partition("\n\n")[0].replace("\n", " ")
    found = re.search(r"^References\n-+\n(.*?)(?=\n\n\w[\w ]*\n-+\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    return first, " ".join(found[1].split()) if found else ""


def kind(dtype: pl.DataType) -> str:
    """Name a type in a few letters.

    >>> kind(pl.List(pl.Float32())), kind(pl.UInt8()), kind(pl.Boolean())
    ('list<f32>', 'u8', 'bool')
    """
    if isinstance(dtype, pl.List):
        return f"list<{kind(dtype.inner)}>"
    return (
        re.sub(r"^(\w)[a-z]+(\d+)$", r"\1\2", str(dtype).replace("UInt", "Uint"))
        .lower()
        .replace("boolean", "bool")
    )


def page() -> str:
    """Make the page in Markdown."""
    lines = [TOP]
    event = ahead.small_event().to_polars().lazy()
    seeds = [pl.lit(1.0).alias(f"{k}.{m}") for k in ("LineFit", "CLast") for m in ahead.TRACK]
    status = [pl.lit(0, pl.Int32).alias(f"{k}.fit_status") for k in ("LineFit", "CLast")]
    for name, feature in sorted(usual().items()):
        made = ic.with_features(event.with_columns(*seeds, *status), F=feature).collect_schema()
        what, papers = summary(name)
        price = f"Cost: {cost(feature):g} µs." if cost(feature) else "Cost: that of an expression."
        lines += [f"## {name}", "", what, "", f"{price} {papers}".rstrip(), ""]
        lines += ["| column | type | unit |", "|---|---|---|"]
        for column, dtype in made.items():
            if column == "F" or column.startswith("F."):
                label = f"`{column[2:]}`" if column != "F" else "the value itself"
                lines.append(f"| {label} | {kind(dtype)} | {unit(name, column[2:])} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
