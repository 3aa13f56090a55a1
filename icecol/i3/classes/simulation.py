"""Layouts of what simulation programs write."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import fields, mapping, vector
from icecol.i3.classes.layout import Class, Enum, Field, Map, Pair, Vector, frame_object

HIT_SOURCE: Final = Enum(
    "I3MCHit::HitSource",
    (
        ("UNKNOWN", 0),
        ("SPE", 10),
        ("RANDOM", 20),
        ("AFTER_PULSE", 30),
        ("PRE_PULSE", 40),
        ("ELASTIC_LATE_PULSE", 50),
        ("INELASTIC_LATE_PULSE", 60),
        ("EARLY_AFTER_PULSE", 70),
    ),
)
PULSE_SOURCE: Final = Enum(
    "I3MCPulse::PulseSource",
    (
        ("UNKNOWN", 0),
        ("PE", 10),
        ("RANDOM", 20),
        ("AFTER_PULSE", 30),
        ("PRE_PULSE", 40),
        ("ELASTIC_LATE_PULSE", 50),
        ("INELASTIC_LATE_PULSE", 60),
        ("EARLY_AFTER_PULSE", 70),
        ("CROSSTALK_PULSE", 80),
    ),
)
I3MCHit = Class(
    "I3MCHit",
    3,
    (
        Field("time", "f64", "ns", "time"),
        Field("hit_id", "i32", doc="identifier of the hit", default=-1),
        Field("weight", "f64", doc="number of photoelectrons", until=3),
        Field("npe", "u64", doc="number of photoelectrons", since=3, default=1),
        Field("charge", "f64", "PE", "charge", since=3),
        Field("particle_minor_id", "i32", doc="serial number of the particle it comes from", default=-1),
        Field("particle_major_id", "u64", doc="identifier of the process that made that particle", since=1),
        Field("cherenkov_distance", "f64", "m", "distance travelled by the light"),
        Field("hit_source", HIT_SOURCE, doc="what made the hit", since=2),
    ),
    doc="A simulated hit.",
)
I3MCPE = Class(
    "I3MCPE",
    1,
    (
        Field("time", "f32", "ns", "time", until=1),
        Field("time", "f64", "ns", "time", since=1),
        Field("npe", "u32", doc="number of photoelectrons"),
        Field("major_id", "u64", doc="identifier of the process that made the particle it comes from"),
        Field("minor_id", "i32", doc="serial number of that particle"),
    ),
    tracked=False,
    doc="Simulated photoelectrons.",
)
I3MCPulse = Class(
    "I3MCPulse",
    1,
    (
        Field("time", "f32", "ns", "time", until=1),
        Field("time", "f64", "ns", "time", since=1),
        Field("charge", "f32", "PE", "charge"),
        Field("source", PULSE_SOURCE, doc="what made the pulse"),
    ),
    tracked=False,
    doc="A simulated pulse of a PMT.",
)
I3CompressedPhoton = Class(
    "I3CompressedPhoton",
    1,
    (
        Field("time", "f64", "ns", "arrival time"),
        Field("weight", "f32", doc="weight"),
        Field("wavelength", "f32", "m", "wavelength"),
        Field("zenith", "f32", "rad", "zenith angle it comes from"),
        Field("azimuth", "f32", "rad", "azimuth angle it comes from"),
        *(Field(c, "f64", "m", f"{c} of the point where it hits the module", until=1) for c in "xyz"),
        *(Field(c, "f32", "m", f"{c} of the point where it hits the module", since=1) for c in "xyz"),
        Field("groupVelocity", "f32", "m/ns", "group velocity", since=1),
        Field("particleMinorID", "i32", doc="serial number of the particle it comes from"),
        Field("particleMajorID", "u64", doc="identifier of the process that made that particle"),
    ),
    doc="A simulated photon at a module.",
)
I3Photon = Class(
    "I3Photon",
    2,
    (
        Field("time", "f64", "ns", "arrival time"),
        Field("weight", "f64", doc="weight"),
        Field("id", "i32", doc="identifier", default=-1),
        Field("particleMinorID", "i32", doc="serial number of the particle it comes from", default=-1),
        Field("particleMajorID", "u64", doc="identifier of the process that made that particle"),
        Field("cherenkovDist", "f64", doc="distance to the particle's track"),
        Field("wavelength", "f64", "m", "wavelength"),
        Field("groupVelocity", "f64", "m/ns", "group velocity"),
        Field("dir", "I3Direction", doc="direction it comes from", flat=""),
        Field("pos", "I3Position", doc="where it hits the module", flat=""),
        Field("startTime", "f64", "ns", "time of emission"),
        Field("startDir", "I3Direction", doc="direction at emission"),
        Field("startPos", "I3Position", doc="place of emission"),
        Field("numScattered", "u32", doc="number of scatterings"),
        Field("distanceInAbsorptionLengths", "f64", doc="absorption lengths travelled", since=2),
        Field("positionList", Vector("I3Position"), doc="its way", since=1, until=2),
        Field(
            "positionList",
            Vector(Pair("I3Position", "f64")),
            doc="its path: point, absorption lengths",
            since=2,
        ),
    ),
    doc="A simulated photon with its path.",
)

VOLUME: Final = fields(
    "f64",
    ("cylinder_height", "m", "height of the generation volume"),
    ("cylinder_radius", "m", "radius of the generation volume"),
)
SPECTRUM: Final = fields(
    "f64",
    ("min_energy", "GeV", "lowest energy generated"),
    ("max_energy", "GeV", "highest energy generated"),
    ("power_law_index", "", "index of the generated spectrum"),
)
RUN: Final = fields("u32", ("run_id", "", "run number"), ("n_events", "", "number of events generated"))
ANGLES: Final = fields(
    "f64",
    ("min_zenith", "rad", "lowest zenith angle generated"),
    ("min_azimuth", "rad", "lowest azimuth angle generated"),
    ("max_zenith", "rad", "highest zenith angle generated"),
    ("max_azimuth", "rad", "highest azimuth angle generated"),
)
I3CorsikaInfo = frame_object(
    "I3CorsikaInfo",
    0,
    *RUN,
    Field("primary_type", "i32", doc="PDG code of the primary"),
    Field("atmosphere", "u32", doc="number of the atmosphere"),
    Field("oversampling", "u32", doc="how often each shower was used"),
    *VOLUME,
    Field("min_zenith", "f64", "rad", "lowest zenith angle generated"),
    Field("max_zenith", "f64", "rad", "highest zenith angle generated"),
    *SPECTRUM,
    doc="How air showers were generated.",
)
I3NuGenInfo = frame_object(
    "I3NuGenInfo",
    0,
    *RUN,
    Field("primary_type", "i32", doc="PDG code of the primary"),
    Field("flavor_fraction", "f64", doc="fraction of this flavour"),
    *VOLUME,
    *ANGLES,
    *SPECTRUM,
    doc="How neutrinos were generated.",
)
I3GenieInfo = frame_object(
    "I3GenieInfo",
    0,
    Field("run_id", "u32", doc="run number"),
    Field("n_flux_events", "u32", doc="number of neutrinos generated"),
    Field("u32_0", "u32", doc="name unknown"),
    Field("primary_type", "i32", doc="PDG code of the primary"),
    *VOLUME,
    *ANGLES,
    *SPECTRUM,
    *fields("f64", *((f"f64_{i}", "", "name unknown") for i in range(2))),
    Field("global_probability_scale", "f64", doc="probability of interaction of an event of weight 1"),
    doc="How GENIE's neutrinos were generated; names inferred.",
)
CorsikaLongStep = Class(
    "CorsikaLongStep",
    0,
    (
        Field("depth", "f64", "g/cm^2", "depth"),
        *fields(
            "u64",
            *(
                (f"num{what}", "", f"number of {name}")
                for what, name in (
                    ("Gamma", "gammas"),
                    ("EPlus", "positrons"),
                    ("EMinus", "electrons"),
                    ("MuPlus", "anti-muons"),
                    ("MuMinus", "muons"),
                    ("Hadron", "hadrons"),
                    ("Charged", "charged particles"),
                    ("Nuclei", "nuclei"),
                    ("Cherenkov", "Cherenkov photons"),
                )
            ),
        ),
    ),
    doc="Particles of an air shower at one depth.",
)
I3CorsikaShowerInfo = frame_object(
    "I3CorsikaShowerInfo",
    4,
    *fields(
        "i32",
        ("crsRunID", "", "run number of CORSIKA"),
        ("crsEventID", "", "event number of CORSIKA"),
        ("crsSampleID", "", "number of this use of the shower"),
    ),
    *fields(
        "f64",
        ("firstIntHeight", "m", "height of the first interaction"),
        ("firstIntDepth", "g/cm^2", "depth of the first interaction"),
        ("obsLevelHeight", "m", "height of the observation level"),
        ("ghMaxNum", "", "largest number of particles"),
        ("ghStartDepth", "g/cm^2", "depth of the start of the profile"),
        ("ghMaxDepth", "g/cm^2", "depth of the largest number"),
        ("ghRedChiSqr", "", "quality of the fit of the profile"),
    ),
    Field("longProfile", Vector("CorsikaLongStep"), doc="the profile"),
    Field("resampleRadius", "f64", "m", "radius of the resampling area", since=1),
    Field("nResample", "u16", doc="number of uses", since=1),
    Field("weight", "f64", doc="weight", since=2),
    Field("nResampleNominal", "u16", doc="nominal number of uses", since=2),
    Field("entryHeight", "f64", "m", "height of entry", since=3),
    Field("bool_0", "bool", doc="name unknown", since=3),
    Field("bool_1", "bool", doc="name unknown", since=3),
    *fields(
        "f64",
        ("ghLambdaa", "", "shape of the profile", 4),
        ("ghLambdab", "", "shape of the profile", 4),
        ("ghLambdac", "", "shape of the profile", 4),
    ),
    doc="An air shower.",
)

GENIE: Final = (
    *fields(
        "i32",
        ("iev", "", "event number"),
        ("neu", "", "PDG code of the neutrino"),
        ("tgt", "", "PDG code of the target"),
        ("Z", "", "atomic number of the target"),
        ("A", "", "mass number of the target"),
        ("hitnuc", "", "PDG code of the nucleon hit"),
        ("hitqrk", "", "PDG code of the quark hit"),
    ),
    Field("sea", "bool", doc="whether that is a sea quark"),
    Field("resid", "i32", doc="code of the resonance"),
    *fields(
        "bool",
        ("qel", "", "quasi-elastic scattering"),
        ("res", "", "resonance"),
        ("dis", "", "deep inelastic scattering"),
        ("coh", "", "coherent scattering"),
        ("dfr", "", "diffractive scattering"),
        ("imd", "", "inverse muon decay"),
        ("nuel", "", "scattering on electrons"),
        ("em", "", "electromagnetic"),
        ("cc", "", "charged current"),
        ("nc", "", "neutral current"),
        ("charm", "", "charm production"),
    ),
    *fields("i32", ("neut_code", "", "code of NEUT"), ("nuance_code", "", "code of NUANCE")),
    *fields(
        "f64",
        ("xs", "", "Bjorken x as selected"),
        ("ys", "", "inelasticity as selected"),
        ("ts", "GeV^2", "momentum transfer to the nucleus as selected"),
        ("Q2s", "GeV^2", "momentum transfer as selected"),
        ("Ws", "GeV", "hadronic mass as selected"),
        ("x", "", "Bjorken x"),
        ("y", "", "inelasticity"),
        ("t", "GeV^2", "momentum transfer to the nucleus"),
        ("Q2", "GeV^2", "momentum transfer"),
        ("W", "GeV", "hadronic mass"),
        ("Ev", "GeV", "energy of the neutrino"),
        ("pxv", "GeV", "x of its momentum"),
        ("pyv", "GeV", "y of its momentum"),
        ("pzv", "GeV", "z of its momentum"),
        ("En", "GeV", "energy of the nucleon"),
        ("pxn", "GeV", "x of its momentum"),
        ("pyn", "GeV", "y of its momentum"),
        ("pzn", "GeV", "z of its momentum"),
    ),
    Field("pdgl", "i32", doc="PDG code of the outgoing lepton"),
    *fields(
        "f64",
        ("El", "GeV", "energy of the lepton"),
        ("KEl", "GeV", "kinetic energy of the lepton"),
        ("pxl", "GeV", "x of its momentum"),
        ("pyl", "GeV", "y of its momentum"),
        ("pzl", "GeV", "z of its momentum"),
    ),
    *fields(
        "i32",
        *(
            (f"n{when}{what}", "", f"number of {name} {where}")
            for when, where in (("f", "in the final state"), ("i", "before they leave the nucleus"))
            for what, name in (
                ("p", "protons"),
                ("n", "neutrons"),
                ("pip", "positive pions"),
                ("pim", "negative pions"),
                ("pi0", "neutral pions"),
                ("kp", "positive kaons"),
                ("km", "negative kaons"),
                ("k0", "neutral kaons"),
                ("em", "electrons and photons"),
                ("other", "other hadrons"),
            )
        ),
        ("nf", "", "number of particles in the final state"),
        ("ni", "", "number of particles before they leave the nucleus"),
    ),
    *(
        Field(name, of, unit, doc)
        for name, of, unit, doc in (
            ("pdgf", "I3VectorInt", "", "PDG codes in the final state"),
            ("Ef", "I3VectorDouble", "GeV", "energies in the final state"),
            ("KEf", "I3VectorDouble", "GeV", "kinetic energies in the final state"),
            ("pxf", "I3VectorDouble", "GeV", "x of the momenta in the final state"),
            ("pyf", "I3VectorDouble", "GeV", "y of the momenta in the final state"),
            ("pzf", "I3VectorDouble", "GeV", "z of the momenta in the final state"),
            ("pdgi", "I3VectorInt", "", "PDG codes before they leave the nucleus"),
            ("resc", "I3VectorInt", "", "codes of rescattering"),
            ("Ei", "I3VectorDouble", "GeV", "energies before they leave the nucleus"),
            ("pxi", "I3VectorDouble", "GeV", "x of the momenta before they leave the nucleus"),
            ("pyi", "I3VectorDouble", "GeV", "y of the momenta before they leave the nucleus"),
            ("pzi", "I3VectorDouble", "GeV", "z of the momenta before they leave the nucleus"),
        )
    ),
    *fields(
        "f64",
        ("vtxx", "m", "x of the vertex"),
        ("vtxy", "m", "y of the vertex"),
        ("vtxz", "m", "z of the vertex"),
        ("vtxt", "s", "time of the vertex"),
        ("wght", "", "weight of the event"),
        ("calresp0", "GeV", "response of a calorimeter"),
        ("xsec", "1e-38 cm^2", "cross section"),
        ("diffxsec", "1e-38 cm^2", "differential cross section"),
        ("prob", "", "probability of the interaction"),
        ("tgtmass", "GeV", "mass of the target"),
    ),
)

I3ShowerBias = frame_object(
    "I3ShowerBias",
    0,
    Field(
        "type",
        Enum("I3ShowerBias::BiasParticleType", (("Mu", 0), ("NuMu", 1), ("NuE", 2))),
        doc="particles that make it more likely that a shower is kept",
    ),
    Field("target", "f64", doc="target number of those particles"),
    doc="How air showers were selected.",
)
I3CorsikaWeight = frame_object(
    "I3CorsikaWeight",
    0,
    Field("primary", "I3Particle", doc="the primary particle"),
    Field("bias", "I3ShowerBias", doc="how the shower was selected"),
    Field("weight", "f64", doc="weight of the shower"),
    Field("max_x", "f64", doc="largest fraction of the energy"),
    doc="Weight of an air shower that was selected.",
)
I3WimpParams = frame_object(
    "I3WimpParams",
    0,
    Field(
        "source",
        Enum("WimpSim::SourceType", (("UNKNOWN", 0), ("SUN", 1), ("EARTH", 2))),
        doc="where the dark matter annihilates",
    ),
    Field("mass", "f64", "GeV", "mass of the dark matter particle"),
    Field(
        "channel",
        Enum(
            "WimpSim::DecayChannel",
            (
                *(
                    (name, i)
                    for i, name in enumerate(
                        (
                            "unknown",
                            "down",
                            "up",
                            "strange",
                            "charm",
                            "bottom",
                            "top",
                            "gluon",
                            "w",
                            "z",
                            "muon",
                            "tau",
                            "nue",
                            "numu",
                            "nutau",
                        )
                    )
                ),
                ("KKDM", 100),
            ),
        ),
        doc="what it annihilates into",
    ),
    *fields(
        "f64",
        ("nu_weight", "", "weight of the neutrino"),
        ("lep_weight", "", "weight of the lepton"),
        ("had_weight", "", "weight of the hadrons"),
        ("vgen", "m^3", "volume of generation"),
        ("aproj", "m^2", "area of generation"),
    ),
    Field("time", "I3Time", doc="time of the event"),
    doc="An event of dark matter.",
)
I3MCNKGPoint = Class(
    "I3MCNKGPoint",
    0,
    (
        Field("position", "I3Position", flat="", doc="where"),
        Field("LD1", "f64", "1/m^2", "density at the first observation level"),
        Field("LD2", "f64", "1/m^2", "density at the second observation level"),
    ),
    doc="Density of electrons of an air shower at a point.",
)
CYLINDER: Final = (
    frame_object("I3ExtraGeometryItem", 0, doc="Base of things in the detector.", abstract=True),
    Class(
        "I3ExtraGeometryItemCylinder",
        0,
        (
            Field("", "I3ExtraGeometryItem"),
            Field("from", "I3Position", doc="centre of one end"),
            Field("to", "I3Position", doc="centre of the other end"),
            Field("radius", "f64", "m", "radius"),
        ),
        doc="A cylinder in the detector: a cable.",
    ),
    mapping("I3CylinderMap", "OMKey", "I3ExtraGeometryItemCylinder", "Cables by PMT."),
)
SURFACES: Final = (
    Class(
        "I3Surfaces::Surface",
        1,
        (Field("", "I3FrameObject", since=1),),
        doc="Base of surfaces.",
        abstract=True,
    ),
    Class(
        "I3Surfaces::SamplingSurface",
        0,
        (Field("", "I3Surfaces::Surface"),),
        doc="Base of surfaces that events are generated on.",
        abstract=True,
    ),
    Class(
        "I3Surfaces::CylinderBase",
        0,
        (
            Field("", "I3Surfaces::SamplingSurface"),
            Field("length", "f64", "m", "height"),
            Field("radius", "f64", "m", "radius"),
            Field("center", "I3Position", doc="centre"),
        ),
        tracked=False,
        abstract=True,
        doc="An upright cylinder.",
    ),
    Class(
        "I3Surfaces::Cylinder",
        0,
        (Field("", "I3Surfaces::CylinderBase", flat=""),),
        doc="An upright cylinder.",
    ),
    Class(
        "I3Surfaces::AxialCylinder",
        0,
        (
            Field("", "I3Surfaces::SamplingSurface"),
            Field("length", Pair("f64", "f64"), "m", "length before and after the centre"),
            Field("radius", "f64", "m", "radius"),
            Field("center", "I3Position", doc="centre"),
        ),
        doc="A cylinder whose axis follows the direction of the particle.",
    ),
    Class(
        "I3Surfaces::CupBase",
        0,
        (
            Field("", "I3Surfaces::SamplingSurface"),
            Field("outer_length", "f64", "m", "height"),
            Field("outer_radius", "f64", "m", "radius"),
            Field("inner_length", "f64", "m", "height of the cavity"),
            Field("inner_radius", "f64", "m", "radius of the cavity"),
            Field("center", "I3Position", doc="centre"),
        ),
        tracked=False,
        abstract=True,
        doc="An upright cylinder with a cavity at its top.",
    ),
    Class(
        "I3Surfaces::Cup",
        0,
        (Field("", "I3Surfaces::CupBase", flat=""),),
        doc="An upright cylinder with a cavity at its top.",
    ),
    Class(
        "I3Surfaces::polygon::vec2",
        0,
        (Field("x", "f64", "m", "place in x"), Field("y", "f64", "m", "place in y")),
        doc="A corner of a polygon.",
    ),
    Class(
        "I3Surfaces::ExtrudedPolygonBase",
        0,
        (
            Field("", "I3Surfaces::SamplingSurface"),
            Field("hull_xy", Vector("I3Surfaces::polygon::vec2"), doc="corners, anticlockwise"),
            Field("hull_z", Pair("f64", "f64"), "m", "lowest and highest z"),
        ),
        tracked=False,
        abstract=True,
        doc="An upright prism.",
    ),
    Class(
        "I3Surfaces::ExtrudedPolygon",
        0,
        (Field("", "I3Surfaces::ExtrudedPolygonBase", flat=""),),
        doc="An upright prism: the hull of the detector.",
    ),
    Class(
        "I3Surfaces::Sphere",
        0,
        (
            Field("", "I3Surfaces::Surface"),
            Field("origin_depth", "f64", "m", "depth of the detector's centre"),
            Field("radius", "f64", "m", "radius"),
        ),
        doc="A sphere: the Earth.",
    ),
)

CLASSES: Final = (
    I3MCHit,
    mapping("I3MCHitSeriesMap", "OMKey", Vector("I3MCHit"), "Simulated hits by PMT."),
    I3MCPE,
    mapping("I3MCPESeriesMap", "OMKey", Vector("I3MCPE"), "Simulated photoelectrons by PMT."),
    I3MCPulse,
    mapping("I3MCPulseSeriesMap", "OMKey", Vector("I3MCPulse"), "Simulated pulses by PMT."),
    I3CompressedPhoton,
    Class(
        "I3Vector<I3CompressedPhoton>",
        0,
        vector("", "I3CompressedPhoton", "").fields,
        tracked=False,
        doc="Simulated photons at a module.",
    ),
    mapping(
        "I3CompressedPhotonSeriesMap",
        "ModuleKey",
        "I3Vector<I3CompressedPhoton>",
        "Simulated photons by module.",
    ),
    I3Photon,
    Class(
        "I3Vector<I3Photon>",
        0,
        vector("", "I3Photon", "").fields,
        tracked=False,
        doc="Simulated photons with their paths at a module.",
    ),
    mapping(
        "I3PhotonSeriesMap",
        "ModuleKey",
        "I3Vector<I3Photon>",
        "Simulated photons with their paths by module.",
    ),
    I3CorsikaInfo,
    I3ShowerBias,
    mapping("I3ShowerBiasMap", "I3ParticleID", "I3ShowerBias", "How air showers were selected, by primary."),
    I3CorsikaWeight,
    I3WimpParams,
    I3MCNKGPoint,
    vector("I3MCNKGInfoList", "I3MCNKGPoint", "Densities of electrons of an air shower."),
    mapping(
        "I3ParticleIDMap",
        "OMKey",
        Map("I3ParticleID", Vector("u32")),
        "Which simulated pulses come from which particle, by PMT.",
    ),
    *CYLINDER,
    *SURFACES,
    CorsikaLongStep,
    I3CorsikaShowerInfo,
    I3NuGenInfo,
    I3GenieInfo,
    frame_object("I3GenieResult", 0, *GENIE, doc="What GENIE says about an interaction; names inferred."),
    frame_object(
        "I3GSLRandomServiceState",
        0,
        Field("gsl_version", "str", doc="version of the library"),
        Field("rng_type", "str", doc="kind of generator"),
        Field("seed", "u64", doc="seed"),
        Field("icalls", "u64", doc="integers drawn"),
        Field("dcalls", "u64", doc="numbers drawn"),
        doc="State of a random number generator.",
    ),
    frame_object(
        "I3SPRNGRandomServiceState",
        0,
        Field("seed", "i32", doc="seed"),
        Field("nstreams", "i32", doc="number of streams"),
        Field("streamnum", "i32", doc="number of this stream"),
        Field("icalls", "u64", doc="integers drawn"),
        Field("dcalls", "u64", doc="numbers drawn"),
        doc="State of a random number generator.",
    ),
)
