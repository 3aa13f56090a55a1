"""Layouts of particles, particle trees and lists."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from icecol.i3.classes.basic import vector
from icecol.i3.classes.identities import major_id, minor_id
from icecol.i3.classes.layout import Class, Custom, Enum, Field, Pair, RawPairs, Vector, frame_object


class ParticleShape(IntEnum):
    """What kind of object an I3Particle is: cascade, track, ... (`shape`).

    Columns hold the numbers, objects the members.

    Examples
    --------
    >>> import icecol as ic, polars as pl
    >>> pl.DataFrame({"Fit.shape": [30, 40]}).filter(pl.col("Fit.shape") == ic.ParticleShape.Cascade).height
    1
    >>> ic.new("I3Particle", shape=40).shape == ic.ParticleShape.InfiniteTrack
    True
    """

    Null = 0
    Primary = 10
    TopShower = 20
    Cascade = 30
    CascadeSegment = 31
    InfiniteTrack = 40
    StartingTrack = 50
    StoppingTrack = 60
    ContainedTrack = 70
    MCTrack = 80
    MCTrackSegment = 81
    MCTrackSegmentSlow = 82
    Dark = 90


class FitStatus(IntEnum):
    """Outcome of the fit that made an I3Particle (`fit_status`).

    Columns hold the numbers, objects the members.

    Examples
    --------
    >>> import icecol as ic, polars as pl
    >>> fits = pl.DataFrame({"Fit.fit_status": [0, 20, 0]})
    >>> fits.filter(pl.col("Fit.fit_status") == ic.FitStatus.OK).height
    2
    >>> ic.FitStatus(20).name
    'InsufficientHits'
    """

    NotSet = -1
    OK = 0
    GeneralFailure = 10
    InsufficientHits = 20
    FailedToConverge = 30
    MissingSeed = 40
    InsufficientQuality = 50


class LocationType(IntEnum):
    """Where the simulation put an I3Particle (`location_type`).

    Columns hold the numbers, objects the members.

    Examples
    --------
    >>> import icecol as ic
    >>> ic.LocationType.InIce
    <LocationType.InIce: 20>
    """

    Anywhere = 0
    IceTop = 10
    InIce = 20
    InActiveVolume = 30


_PARTICLES: Final = {
    0: "unknown", 11: "EMinus", -11: "EPlus", 12: "NuE", -12: "NuEBar", 13: "MuMinus", -13: "MuPlus", 14: "NuMu",
    -14: "NuMuBar", 15: "TauMinus", -15: "TauPlus", 16: "NuTau", -16: "NuTauBar", 22: "Gamma", 111: "Pi0",
    211: "PiPlus", -211: "PiMinus", 130: "K0_Long", 310: "K0_Short", 321: "KPlus", -321: "KMinus", 221: "Eta",
    411: "DPlus", -411: "DMinus", 421: "D0", 431: "DsPlus", 2212: "PPlus", -2212: "PMinus", 2112: "Neutron",
    -2112: "NeutronBar", 3122: "Lambda", 3222: "SigmaPlus", 3112: "SigmaMinus", -2000001001: "Brems",
    -2000001002: "DeltaE", -2000001003: "PairProd", -2000001004: "NuclInt", -2000001005: "MuPair",
    -2000001006: "Hadrons", -2000001111: "ContinuousEnergyLoss",
}  # fmt: skip


def particle_name(code: int) -> str:
    """Name a particle by its PDG code, in IceTray's words.

    Examples
    --------
    >>> particle_name(-13), particle_name(1000080160), particle_name(4)
    ('MuPlus', 'nucleus Z=8 A=16', 'PDG 4')
    """
    if 1000000000 < code < 1100000000:
        return f"nucleus Z={code // 10000 % 1000} A={code // 10 % 1000}"
    return _PARTICLES.get(code, f"PDG {code}")


def _named(of: type[IntEnum]) -> Enum:
    return Enum(f"I3Particle::{of.__name__}", tuple((member.name, int(member)) for member in of))


SHAPE: Final = _named(ParticleShape)
FIT_STATUS: Final = _named(FitStatus)
LOCATION: Final = _named(LocationType)
PUBLIC: Final = {SHAPE: ParticleShape, FIT_STATUS: FitStatus, LOCATION: LocationType}
"""Enumerations with a public Python class of their own."""

I3Particle = frame_object(
    "I3Particle",
    5,
    Field(
        "minor_id",
        "i32",
        doc="serial number of the particle in the process that made it",
        default=minor_id,
    ),
    Field(
        "major_id",
        "u64",
        doc="identifier of the process that made the particle",
        since=2,
        default=major_id,
    ),
    Field("parent_id", "i32", doc="identifier of the parent particle", until=1),
    Field("primary_id", "i32", doc="identifier of the primary particle", until=1),
    Field("pdg_encoding", "i32", doc="PDG code"),
    Field("shape", SHAPE, doc="kind of object: cascade, track, ..."),
    Field("fit_status", FIT_STATUS, doc="outcome of the fit that made it", default=-1),
    Field("pos", "I3Position", doc="vertex", flat=""),
    Field("dir", "I3Direction", doc="direction it comes from", flat=""),
    Field("time", "f64", "ns", "time at the vertex"),
    Field("energy", "f64", "GeV", "kinetic energy"),
    Field("length", "f64", "m", "length of the track"),
    Field("speed", "f64", "m/ns", "speed", default=0.299792458),
    Field("composite", Vector("I3Particle"), doc="parts of the particle", until=1),
    Field("location_type", LOCATION, doc="where the simulation put it", since=1),
    Field("bjorken_x", "f64", doc="Bjorken x of the interaction", since=4, until=5),
    Field("bjorken_y", "f64", doc="Bjorken y of the interaction", since=4, until=5),
    doc="A particle, simulated or reconstructed.",
)

I3MCTree = frame_object(
    "I3MCTree",
    1,
    Field("", Custom("tree_counts", "I3Particle"), doc="the particles", until=1),
    Field("", Custom("tree_bits", "I3Particle"), doc="the particles", since=1),
    doc="The simulated particles, as a tree of who came from whom.",
)

I3Stochastic = Class(
    "I3Stochastic",
    0,
    (
        Field("time", "f32", "ns", "time since the parent's"),
        Field("energy", "f32", "GeV", "kinetic energy"),
        Field("major_id", "u64", doc="identifier of the process that made the particle"),
        Field("minor_id", "i32", doc="serial number of the particle in that process"),
        Field("pdg_encoding", "i32", doc="PDG code"),
    ),
    doc="An energy loss on a track.",
)
I3LinearizedMCTree = frame_object(
    "I3LinearizedMCTree",
    1,
    Field("tree", "I3MCTree", doc="the particles without their energy losses", flat=""),
    Field(
        "ranges", RawPairs("u32", "u32"), doc="positions of particles, and how many losses they have", until=1
    ),
    Field(
        "leaves",
        Vector(Pair("I3ParticleID", "u32")),
        doc="how many energy losses belong to which particle",
        since=1,
    ),
    Field("stochastics", Vector("I3Stochastic"), doc="the energy losses"),
    doc="A particle tree with its energy losses in short form.",
)

I3MMCTrack = Class(
    "I3MMCTrack",
    1,
    (
        Field("particle", "I3Particle", doc="the muon or tau"),
        *(
            Field(f"{name}{place}", "f64", unit, f"{what} {where}")
            for place, where in (
                ("i", "where it enters the detector"),
                ("f", "where it leaves the detector"),
                ("c", "closest to the detector's centre"),
            )
            for name, unit, what in (
                ("x", "m", "x"),
                ("y", "m", "y"),
                ("z", "m", "z"),
                ("t", "ns", "time"),
                ("E", "GeV", "energy"),
            )
        ),
        Field("Elost", "f64", "GeV", "energy lost inside the detector"),
    ),
    doc="A muon or tau and where it crosses the detector.",
)

CLASSES: Final = (
    I3Particle,
    vector("I3ParticleVect", "I3Particle", "Particles."),
    I3MCTree,
    I3Stochastic,
    I3LinearizedMCTree,
    Class("I3MCList", 0, (Field("", "I3ParticleVect", flat=""),), doc="Particles, of the AMANDA era."),
    I3MMCTrack,
    vector("I3MMCTrackList", "I3MMCTrack", "Muons and taus and where they cross the detector."),
)
