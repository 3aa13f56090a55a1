"""The 28 events of 2013: are they atmospheric? From published events, areas and fluxes to a p-value and a flux.

`python examples/discovery.py` prints each result beside the published one, and draws discovery.png and contour.png. The
simulation is in examples/hese.py; docs/discovery.md discusses what comes out.
"""

from __future__ import annotations

from typing import Any

import hese
import numpy as np
import polars as pl
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import icecol as ic

# --- decided before the events are read: bins, components, what is known of them, test statistic

DAYS = {"2013": 662.0, "7.5_years": 2635.5}
LEAST, MOST, FLUX_FROM = 10**4.4, 10**6.4, 10**4.8  # GeV
KNOWN = {
    "conventional": ic.stats.Parameter(prior=(1.0, 0.4), lower=0.0),  # Phys. Rev. D 104 (2021) 022002
    "prompt": ic.stats.Parameter(prior=(1.0, 1.0, 2.1), lower=0.0),  # 3.8 times ERS at most (90 %), or none
    "muons": ic.stats.Parameter(prior=(1.0, 3.4 / 6.0), lower=0.0),  # 6.0 ± 3.4, measured with a second veto
}
BLUE, _, RED, *_ = ic.plot.COLORS
INDEX_2, PROMPT_FREE = ic.stats.Parameter(start=2.0, fixed=True), ic.stats.Parameter(lower=0.0)


def axes(least: float = LEAST) -> tuple[ic.hist.Axis, ...]:
    """Return bins of a fifth of a decade in energy, of equal parts of the sky, and of the topology."""
    n = round(5 * np.log10(MOST / least))
    sky = ic.hist.regular("sin_dec", 10, -1, 1)
    return ic.hist.log("energy", n, least, MOST), sky, ic.hist.category("topology", ["shower", "track"])


# --- expected events: the simulation, weighted to fluxes; each component has events of its own

SIMULATED = [hese.neutrinos(200_000, seed) for seed in (1, 2, 3)]
FLUXES = {
    "conventional": ic.weight.conventional() * ic.weight.self_veto(),
    "prompt": ic.weight.prompt() * ic.weight.self_veto(prompt=True),
}


def model(
    sample: str = "2013", least: float = LEAST, muons_as: dict[str, float] | None = None, **more: Any
) -> Any:
    """Return the model: a norm of 1 of `astro` is a flux of 1e-18 per flavor at 100 TeV."""
    days, bins = DAYS[sample], axes(least)
    what = [pl.col(name) for name in ("true_energy", "cos_zenith", "pdg_encoding")]
    of_muons = hese.muons(200_000, seed=4, **(muons_as or {}))
    each = 6.0 * days / 662 / ic.hist.fill(of_muons, *axes(), weight="weight").sum()
    components = {
        "astro": ic.stats.events(
            SIMULATED[0],
            *bins,
            weight=pl.col("weight") * days * 1e-18 / 2,  # half of the flux of a flavor for each of its types
            powers={"index": pl.col("true_energy") / 1e5},
        ),
        **{
            name: ic.hist.fill(events, *bins, weight=pl.col("weight") * days * flux(*what))
            for events, (name, flux) in zip(SIMULATED[1:], FLUXES.items(), strict=True)
        },
        "muons": ic.hist.fill(of_muons, *bins, weight=pl.col("weight") * each),
    }
    return ic.stats.Model(components, KNOWN | more)


def seen(sample: str = "2013", least: float = LEAST) -> ic.hist.Hist:
    """Return the events in bins."""
    return ic.hist.fill(hese.events(sample), *axes(least))


def expected_events() -> None:
    """Print what each component is expected to give, by topology, hemisphere and energy."""
    made = model(index=INDEX_2)
    fit = made.fit(seen(), astro=1.2, conventional=1.0, prompt=1.0, muons=1.0)  # nothing is free
    print(f"{'':14}{'all':>6}{'shower':>8}{'track':>7}{'south':>7}{'north':>7}{'> 63 TeV':>10}")
    rows = {**fit.components(), "all": fit.expected(), "seen": seen().values()}
    for name, n in rows.items():
        parts = (n, n[:, :, 0], n[:, :, 1], n[:, :5], n[:, 5:], n[2:])
        print(f"{name:14}" + "{:6.1f}{:8.1f}{:7.1f}{:7.1f}{:7.1f}{:10.1f}".format(*(p.sum() for p in parts)))


def background_only(n: int) -> None:
    """Print tests of the hypothesis that there are no astrophysical neutrinos, by n pseudo-experiments."""
    data = seen()
    p = ic.stats.counting_p_value(28, 10.6, 4.3)
    print(ic.stats.sentence(28, 10.6, p, error=4.3, note="published background, counts alone"))
    for name, more in {"index 2": {"index": INDEX_2}, "index free": {}}.items():
        print(f"{name}: {model(**more).test(data, 'astro', method='importance', n=n, seed=1)}")
    variants: dict[str, dict[str, Any]] = {
        "prompt flux free": {"prompt": PROMPT_FREE},
        "muons E^-2.7": {"muons_as": {"index": 2.7}},
        "muons E^-4.8": {"muons_as": {"index": 4.8}},
        "muons half showers": {"muons_as": {"tracks": 0.5}},
    }
    for name, more in variants.items():
        found = model(index=INDEX_2, **more).test(data, "astro", method="importance", n=n, seed=1)
        print(f"{name:20} q0 = {found.statistic:.1f}, p = {found.p:.1e}, {found.significance:.1f} sigma")


def fluxes() -> dict[str, ic.stats.Fit]:
    """Print the fluxes that fit the events above 63 TeV, and return the fits with a free index."""
    hard = model("2013", FLUX_FROM, index=INDEX_2).fit(seen("2013", FLUX_FROM))
    low, high = hard.interval("astro")
    print(f"2013, index 2: {hard.values['astro']:.2f}, from {low:.2f} to {high:.2f}; published 1.2 ± 0.4")
    fits = {
        "2013": model("2013", FLUX_FROM).fit(seen("2013", FLUX_FROM)),
        "7.5 years, prompt flux known": model("7.5_years", FLUX_FROM).fit(seen("7.5_years", FLUX_FROM)),
        "7.5 years": model("7.5_years", FLUX_FROM, prompt=PROMPT_FREE).fit(seen("7.5_years", FLUX_FROM)),
    }
    published = {"2013": "index 2.2 ± 0.4", "7.5 years": "2.12 +0.49 -0.54, index 2.87 +0.20 -0.19"}
    for name, fit in fits.items():
        (a, b), (c, d) = (fit.interval(parameter) for parameter in ("astro", "index"))
        beside = f"; published {published[name]}" if name in published else ""
        best = fit.values
        print(
            f"{name}: {best['astro']:.2f}, from {a:.2f} to {b:.2f}, index {best['index']:.2f}, "
            f"from {c:.2f} to {d:.2f}{beside}"
        )
        norms = ", ".join(f"{n} {best[n]:.1f} ± {fit.errors[n]:.1f}" for n in KNOWN)
        p = ic.stats.goodness_of_fit(fit, 500).p
        print(
            f"    {norms}; {fit.counts.sum():g} events, {fit.expected().sum():.1f} fitted; goodness of fit {p:.2f}"
        )
    return {name: fits[name] for name in published}


def draw_events() -> None:
    """Draw the events on the background that is expected."""
    fit = model(index=INDEX_2).fit(seen(), astro=0.0, conventional=1.0, prompt=1.0, muons=1.0)
    energy, sine, _ = (axis.edges for axis in seen().axes)
    ax = Figure(figsize=(7, 4.6), layout="constrained").subplots()
    background = fit.expected().sum(axis=2)
    drawn = ax.pcolormesh(
        np.degrees(np.arcsin(sine)), energy / 1e3, background, norm=LogNorm(1e-4, 1e4), cmap="Greys"
    )
    ax.figure.colorbar(drawn, label="expected background")
    for topology, marker, color in (("shower", "o", BLUE), ("track", "X", RED)):
        found = hese.events("2013").filter(topology=topology)
        errors = found.select(pl.col("minus", "plus") / 1e3).to_numpy().T
        style = {"fmt": marker, "color": color, "markersize": 7, "elinewidth": 1, "mec": "white"}
        ax.errorbar(found["declination"], found["energy"] / 1e3, errors, label=f"{topology}s", **style)
    ax.set(yscale="log", ylim=(25, 2500), xlim=(-90, 90), xticks=range(-80, 81, 20))
    ax.set(xlabel="declination / degrees", ylabel="deposited energy / TeV")
    ax.legend(loc="upper right")
    ic.plot.save(ax, "discovery.png")


def draw_contours(fits: dict[str, ic.stats.Fit]) -> None:
    """Draw the contours of both samples, and what is published."""
    ax = Figure(figsize=(7, 4.6), layout="constrained").subplots()
    grids = {"index": np.linspace(1.2, 4.0, 57), "astro": np.linspace(0.02, 5.0, 84)}
    for (name, fit), color in zip(fits.items(), (BLUE, RED), strict=True):
        scan = fit.scan(grids)
        levels = [2.2957, 4.6052]  # 68.27 and 90 % for two parameters
        ax.contour(*grids.values(), scan.values.T, levels=levels, colors=color, linestyles=["-", "--"])
        ax.plot(fit.values["index"], fit.values["astro"], "+", color=color, label=name)
    table = pl.read_csv(hese.PUBLISHED / "contour_7.5_years.csv", comment_prefix="#")
    ends = table["least"].to_numpy() / 3, table["largest"].to_numpy() / 3  # of a flavor
    ax.fill_between(table["index"], *ends, color=RED, alpha=0.2, label="7.5 years, published 68 %")
    ax.errorbar(2.0, 1.2, 0.4, fmt="s", color=BLUE, markersize=4, label="2013, published at an index of 2")
    ax.set(xlabel="spectral index", ylabel="flux of a flavor at 100 TeV / 1e-18 (GeV cm$^2$ s sr)$^{-1}$")
    ax.legend(loc="upper left")
    ic.plot.save(ax, "contour.png")


if __name__ == "__main__":
    expected_events()
    background_only(5_000)
    draw_events()
    draw_contours(fluxes())
