"""Layouts of what reconstructions and cuts write beside the particle they fit."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import fields, mapping, vector
from icecol.i3.classes.layout import Class, Enum, Field, Pointer, Vector, frame_object
from icecol.i3.classes.particle import FIT_STATUS

I3LogLikelihoodFitParams = frame_object(
    "I3LogLikelihoodFitParams",
    0,
    *fields(
        "f64",
        ("logl", "", "negative logarithm of the likelihood"),
        ("rlogl", "", "logl divided by ndof"),
    ),
    Field("ndof", "i32", doc="degrees of freedom", default=-1),
    Field("nmini", "i32", doc="likelihood evaluations", default=-1),
    doc="Quality of a likelihood fit.",
)

I3DirectHitsValues = frame_object(
    "I3DirectHitsValues",
    0,
    *(
        Field(f"{part}_{kind}_{things}", of, unit, f"{what} {when}")
        for kind, when in (
            ("dir", "in the time window of direct light"),
            ("early", "before that window"),
            ("late", "after that window"),
        )
        for part, things, of, unit, what in (
            ("n", "strings", "u32", "", "strings with pulses"),
            ("n", "doms", "u32", "", "modules with pulses"),
            ("n", "pulses", "u64", "", "pulses"),
            ("q", "pulses", "f64", "PE", "charge of the pulses"),
        )
    ),
    Field("dir_track_length", "f64", "m", "length of the track between its first and last direct hit"),
    Field("dir_track_hit_distribution_smoothness", "f64", doc="how evenly direct hits lie along the track"),
    doc="Direct hits: those that fit unscattered light from a track.",
)

I3HitMultiplicityValues = frame_object(
    "I3HitMultiplicityValues",
    0,
    *fields(
        "u32",
        ("n_hit_strings", "", "strings with a pulse"),
        ("n_hit_doms", "", "modules with a pulse"),
        ("n_hit_doms_one_pulse", "", "modules with just one pulse"),
    ),
    Field("n_pulses", "u64", doc="number of pulses"),
    doc="Numbers of strings, modules and pulses.",
)

I3HitStatisticsValues = frame_object(
    "I3HitStatisticsValues",
    0,
    Field("cog", "I3Position", doc="centre of gravity of the hits"),
    *fields(
        "f64",
        ("cog_z_sigma", "m", "standard deviation of z around the centre of gravity"),
        ("min_pulse_time", "ns", "time of the first pulse"),
        ("max_pulse_time", "ns", "time of the last pulse"),
        ("q_max_doms", "PE", "largest charge of a module"),
        ("q_tot_pulses", "PE", "total charge"),
        ("z_min", "m", "z of the lowest hit module"),
        ("z_max", "m", "z of the highest hit module"),
        ("z_mean", "m", "mean z of the hit modules"),
        ("z_sigma", "m", "standard deviation of z of the hit modules"),
        ("z_travel", "m", "drift of z of the hits with time"),
    ),
    doc="Statistics of the hits.",
)

I3TimeCharacteristicsValues = frame_object(
    "I3TimeCharacteristicsValues",
    0,
    Field("timelength_fwhm", "f64", "ns", "full width at half maximum of the hit times"),
    *fields(
        "i32",
        ("timelength_last_first", "ns", "time from the first to the last pulse"),
        ("timelength_maxgap", "ns", "longest time without a pulse"),
        ("zpattern", "", "how often the next string is hit higher, less how often lower"),
    ),
    doc="Distribution of the hits in time.",
)

I3TrackCharacteristicsValues = frame_object(
    "I3TrackCharacteristicsValues",
    0,
    *fields(
        "f64",
        ("avg_dom_dist_q_tot_dom", "m", "charge-weighted mean distance of the modules to the track"),
        ("empty_hits_track_length", "m", "longest part of the track without hits"),
        ("track_hits_separation_length", "m", "distance of the hits' centres in the first and last quarter"),
        ("track_hits_distribution_smoothness", "", "how evenly hits lie along the track"),
    ),
    doc="Distribution of the hits along a track.",
)

I3LineFitParams = frame_object(
    "I3LineFitParams",
    1,
    *fields(
        "f64",
        ("LFVel", "m/ns", "speed of the plane wave"),
        ("LFVelX", "m/ns", "its x"),
        ("LFVelY", "m/ns", "its y"),
        ("LFVelZ", "m/ns", "its z"),
    ),
    Field("NHits", "i32", doc="number of hits used", since=1, default=-(2**31)),
    doc="Result of the line fit.",
)


def _inertia(name: str, doc: str) -> Class:
    """Make the layout of the results of fits by the tensor of inertia."""
    return frame_object(
        name,
        0,
        *fields(
            "f64",
            ("mineval", "", "smallest eigenvalue"),
            ("evalratio", "", "smallest eigenvalue over the sum of all"),
            ("eval2", "", "second eigenvalue"),
            ("eval3", "", "third eigenvalue"),
        ),
        doc=doc,
    )


CRAMER_RAO_STATUS: Final = Enum(
    "CramerRaoParams::CramerRaoStatus",
    (
        ("NotSet", -1),
        ("OK", 0),
        ("MissingInput", 10),
        ("SingularMatrix", 20),
        ("InsufficientHits", 30),
        ("OneStringEvent", 40),
        ("OtherProblems", 50),
    ),
)
CramerRaoParams = frame_object(
    "CramerRaoParams",
    2,
    Field("cramer_rao_theta", "f64", "rad", "error of the zenith angle"),
    Field("cramer_rao_phi", "f64", "rad", "error of the azimuth angle"),
    Field("status", CRAMER_RAO_STATUS, doc="outcome"),
    Field("cramer_rao_theta_corr", "f64", "rad", "corrected error of the zenith angle", until=2),
    Field("cramer_rao_phi_corr", "f64", "rad", "corrected error of the azimuth angle", until=2),
    Field("llh_est", "f64", doc="estimated likelihood", until=2),
    Field("rllh_est", "f64", doc="logl divided by ndof", until=2),
    *fields(
        "f64",
        ("variance_theta", "rad^2", "variance of the zenith angle", 2),
        ("variance_phi", "rad^2", "variance of the azimuth angle", 2),
        ("variance_x", "m^2", "variance of x", 2),
        ("variance_y", "m^2", "variance of y", 2),
        ("covariance_theta_phi", "rad^2", "covariance of the angles", 2),
        ("covariance_theta_x", "m rad", "covariance of zenith angle and x", 2),
        ("covariance_theta_y", "m rad", "covariance of zenith angle and y", 2),
        ("covariance_phi_x", "m rad", "covariance of azimuth angle and x", 2),
        ("covariance_phi_y", "m rad", "covariance of azimuth angle and y", 2),
        ("covariance_x_y", "m^2", "covariance of x and y", 2),
    ),
    doc="Cramer-Rao bound of a track's direction.",
)

I3DipoleFitParams = frame_object(
    "I3DipoleFitParams",
    0,
    *fields(
        "f64",
        ("Magnet", "", "magnetisation"),
        ("MagnetX", "", "its x"),
        ("MagnetY", "", "its y"),
        ("MagnetZ", "", "its z"),
        ("AmpSum", "PE", "sum of the amplitudes"),
    ),
    *fields("i32", ("NHits", "", "number of hits"), ("NPairs", "", "number of pairs")),
    Field("MaxAmp", "f64", "PE", "largest amplitude"),
    doc="Result of the dipole fit.",
)

I3FiniteCuts = frame_object(
    "I3FiniteCuts",
    1,
    *fields(
        "f64",
        ("Length", "m", "length of the track"),
        ("endFraction", "", "fraction of the detector behind the track's end"),
        ("startFraction", "", "fraction of the detector before the track's start"),
        ("Sdet", "", "ratio of lengths of track and detector"),
        ("finiteCut", "", "cut value"),
        ("DetectorLength", "m", "length of the detector along the track"),
    ),
    doc="Result of the reconstruction of finite tracks.",
)

I3StartStopParams = frame_object(
    "I3StartStopParams",
    1,
    *fields(
        "f64",
        ("LLHStartingTrack", "", "likelihood of a starting track"),
        ("LLHStoppingTrack", "", "likelihood of a stopping track"),
        ("LLHInfTrack", "", "likelihood of an infinite track"),
    ),
    doc="Likelihoods that a track starts or stops in the detector.",
)

I3CscdLlhFitParams = frame_object(
    "I3CscdLlhFitParams",
    0,
    *fields(
        "i32",
        ("HitCount", "", "number of hits"),
        ("HitOmCount", "", "number of modules with hits"),
        ("UnhitOmCount", "", "number of modules without hits"),
        ("Status", "", "outcome of the minimiser"),
    ),
    *fields(
        "f64",
        ("ErrT", "ns", "error of the time"),
        ("ErrX", "m", "error of x"),
        ("ErrY", "m", "error of y"),
        ("ErrZ", "m", "error of z"),
        ("ErrTheta", "rad", "error of the zenith angle"),
        ("ErrPhi", "rad", "error of the azimuth angle"),
        ("ErrEnergy", "GeV", "error of the energy"),
        ("NegLlh", "", "negative logarithm of the likelihood"),
        ("ReducedLlh", "", "logl divided by ndof"),
    ),
    doc="Quality of a cascade fit.",
)

I3FillRatioInfo = frame_object(
    "I3FillRatioInfo",
    0,
    *fields(
        "f64",
        ("mean_distance", "m", "mean distance of the hits to the vertex"),
        ("rms_distance", "m", "root mean square of the distances"),
        ("nch_distance", "m", "distance from the number of channels"),
        ("energy_distance", "m", "distance from the energy"),
        ("fill_radius_from_rms", "m", "radius of the sphere from the root mean square"),
        ("fill_radius_from_mean", "m", "radius of the sphere from the mean"),
        ("fill_radius_from_energy", "m", "radius of the sphere from the energy"),
        ("fillradius_from_nch", "m", "radius of the sphere from the number of channels"),
        ("fill_radius_from_mean_plus_rms", "m", "radius of the sphere from mean plus root mean square"),
        ("fill_ratio_from_rms", "", "hit fraction of the sphere from the root mean square"),
        ("fill_ratio_from_mean", "", "hit fraction of the sphere from the mean"),
        ("fill_ratio_from_mean_plus_rms", "", "hit fraction of the sphere from mean plus root mean square"),
        ("fillratio_from_nch", "", "hit fraction of the sphere from the number of channels"),
        ("fill_ratio_from_energy", "", "hit fraction of the sphere from the energy"),
    ),
    Field("hit_count", "i32", doc="number of hits"),
    doc="How densely the modules around a vertex are hit.",
)

PARABOLOID_STATUS: Final = Enum(
    "I3ParaboloidFitParams::ParaboloidFitStatus",
    (
        ("PBF_UNDEFINED", -1000),
        ("PBF_NO_SEED", -100),
        ("PBF_INCOMPLETE_GRID", -80),
        ("PBF_FAILED_PARABOLOID_FIT", -50),
        ("PBF_SINGULAR_CURVATURE_MATRIX", -20),
        ("PBF_SUCCESS", 0),
        ("PBF_NON_POSITIVE_ERRS", 20),
        ("PBF_NON_POSITIVE_ERR_1", 21),
        ("PBF_NON_POSITIVE_ERR_2", 22),
        ("PBF_TOO_SMALL_ERRS", 30),
    ),
)
I3ParaboloidFitParams = Class(
    "I3ParaboloidFitParams",
    2,
    (
        Field("", "I3LogLikelihoodFitParams", flat=""),
        *fields(
            "f64",
            ("pbfZen", "rad", "zenith angle of the minimum"),
            ("pbfAzi", "rad", "azimuth angle of the minimum"),
            ("pbfErr1", "rad", "first semi-axis of the error ellipse"),
            ("pbfErr2", "rad", "second semi-axis of the error ellipse"),
            ("pbfRotAng", "rad", "rotation of the error ellipse"),
            ("pbfCenterLlh", "", "likelihood at the centre of the grid"),
            ("pbfLlh", "", "likelihood at the minimum"),
            ("pbfZenOff", "rad", "offset of the minimum in zenith angle"),
            ("pbfAziOff", "rad", "offset of the minimum in azimuth angle"),
            ("pbfCurv11", "", "curvature"),
            ("pbfCurv12", "", "mixed curvature"),
            ("pbfCurv22", "", "curvature"),
            ("pbfChi2", "", "quality of the paraboloid"),
            ("pbfDetCurvM", "", "determinant of the curvature matrix"),
            ("pbfSigmaZen", "rad", "error of the zenith angle"),
            ("pbfSigmaAzi", "rad", "error of the azimuth angle"),
            ("pbfCovar", "", "covariance of the angles"),
            ("pbfTrOffZen", "rad", "offset of the true direction in zenith angle", 1),
            ("pbfTrOffAzi", "rad", "offset of the true direction in azimuth angle", 1),
            ("pbfTrZen", "rad", "true zenith angle on the grid", 1),
            ("pbfTrAzi", "rad", "true azimuth angle on the grid", 1),
        ),
        Field("pbfStatus", PARABOLOID_STATUS, doc="outcome", since=2, default=-1000),
    ),
    doc="Paraboloid fitted to the likelihood around its minimum.",
)

MillipedeFitParams = Class(
    "MillipedeFitParams",
    2,
    (
        Field("", "I3LogLikelihoodFitParams", flat=""),
        *fields(
            "f64",
            ("qtotal", "PE", "charge seen"),
            ("predicted_qtotal", "PE", "charge predicted"),
            ("squared_residuals", "PE^2", "sum of squared differences"),
            ("chi_squared", "", "sum of squared differences over errors"),
            ("chi_squared_dof", "", "degrees of freedom of that sum"),
            ("logl_ratio", "", "ratio of likelihoods to the best possible", 2),
        ),
    ),
    doc="Quality of a Millipede fit.",
)


def _npe(suffix: str, where: str, since: int) -> tuple[Field, ...]:
    """Make the fields of an I3PortiaEvent for one method of baseline subtraction."""
    return (
        *fields(
            "f64",
            (f"TotalBestNPE{suffix}", "PE", f"best charge{where}", since),
            (f"TotalAtwdNPE{suffix}", "PE", f"charge by ATWD{where}", since),
            (f"TotalFadcNPE{suffix}", "PE", f"charge by FADC{where}", since),
        ),
        *fields(
            "i32",
            (f"TotalNch{suffix}", "", f"modules{where}", since),
            (f"AtwdNch{suffix}", "", f"modules by ATWD{where}", since),
            (f"FadcNch{suffix}", "", f"modules by FADC{where}", since),
        ),
    )


I3PortiaEvent = frame_object(
    "I3PortiaEvent",
    2,
    *_npe("", "", 0),
    Field("FirstPulseOMKey", "OMKey", doc="module of the first pulse"),
    Field("LastPulseOMKey", "OMKey", doc="module of the last pulse"),
    *_npe("btw", " in the time window", 2),
    Field("LargestNPEOMKey", "OMKey", doc="module of the largest charge", since=2),
    Field("FirstPulseOMKeybtw", "OMKey", doc="module of the first pulse in the time window", since=2),
    Field("LastPulseOMKeybtw", "OMKey", doc="module of the last pulse in the time window", since=2),
    doc="Charges of an event of extremely high energy.",
)

VETO_SHORT: Final = fields(
    "i16",
    ("earliestContainment", "", "containment of the first hit"),
    ("maxDomChargeContainment", "", "containment of the module with the largest charge"),
)
I3Veto = frame_object(
    "I3Veto",
    0,
    *VETO_SHORT,
    *fields(
        "i16",
        ("nUnhitTopLayers", "", "layers without hits at the top"),
        ("nLayer", "", "layers with hits"),
        ("earliestLayer", "", "layer of the first hit"),
        ("earliestOM", "", "module number of the first hit"),
        ("latestLayer", "", "layer of the last hit"),
        ("latestOM", "", "module number of the last hit"),
        ("latestContainment", "", "containment of the last hit"),
        ("mostOuterLayer", "", "outermost layer hit"),
    ),
    Field("depthHighestHit", "f64", "m", "z of the highest hit"),
    Field("depthFirstHit", "f64", "m", "z of the first hit"),
    *fields(
        "i16",
        ("maxDomChargeLayer", "", "layer of the module with the largest charge"),
        ("maxDomChargeLayer_xy", "", "its horizontal layer"),
        ("maxDomChargeLayer_z", "", "its vertical layer"),
        ("maxDomChargeString", "", "its string"),
        ("maxDomChargeOM", "", "its number on the string"),
        ("nDomsBeforeMaxDOM", "", "modules hit before it"),
    ),
    doc="Where a cascade lies in the detector.",
)

DSTPosition = Class(
    "DSTPosition",
    0,
    fields("i8", ("x", "", "x, binned"), ("y", "", "y, binned"), ("z", "", "z, binned")),
    doc="A point with one byte per coordinate.",
)
I3DST16 = frame_object(
    "I3DST16",
    8,
    Field("trigger_tag", "u16", doc="triggers, as bits"),
    Field("event_id", "u32", doc="event number"),
    Field("sub_event_id", "u8", doc="sub-event number"),
    Field("t0", "u8", doc="upper part of the time"),
    Field("t1", "u32", doc="lower part of the time"),
    Field("reco1", "u32", doc="first direction, packed"),
    Field("reco2", "u32", doc="second direction, packed"),
    Field("ndom", "u16", doc="modules with hits"),
    Field("n_string", "u8", doc="strings with hits"),
    Field("cog", "DSTPosition", doc="centre of gravity"),
    Field("n_dir", "u8", doc="direct hits"),
    Field("l_dir", "u8", doc="length of direct hits, binned"),
    Field("rlogl", "u8", doc="likelihood, binned"),
    Field("log_e", "u8", doc="logarithm of the energy, binned"),
    Field("reco_label", "u8", doc="which reconstructions were stored"),
    doc="An event in 40 bytes.",
)
I3DSTHeader16 = frame_object(
    "I3DSTHeader16",
    8,
    Field("run_id", "u32", doc="run number"),
    Field("event_id", "u32", doc="event number of the first event"),
    Field("mod_julian_day", "u16", "d", "modified Julian day"),
    Field("heal_pix_n_side", "u16", doc="resolution of the directions"),
    Field("triggers", Vector("u16"), doc="triggers that the bits stand for"),
    Field("recos", Vector("str"), doc="reconstructions that the labels stand for", since=6),
    doc="What the numbers of the events in 40 bytes mean.",
)

SANTA: Final = (
    *fields(
        "f64",
        ("zc", "m", "z of the point closest to the string"),
        ("tc", "ns", "time at that point"),
        ("dc", "m", "distance of that point"),
        ("uz", "", "z of the direction"),
        ("chi2", "", "quality of the fit, modified"),
        ("chi2_simple", "", "quality of the fit"),
        ("zc_error", "m", "error of zc"),
        ("tc_error", "ns", "error of tc"),
        ("dc_error", "m", "error of dc"),
        ("uz_error", "", "error of uz"),
    ),
    *fields(
        "i32",
        ("dof", "", "degrees of freedom"),
        ("string", "", "string number; -1 for several"),
        ("n_calls", "", "number of function calls of the fit"),
    ),
    Field("fit_time", "f64", doc="time the fit took; unit unknown"),
    *fields("i32", ("fit_status", "", "outcome"), ("fit_type", "", "kind of fit")),
)

VARIABLES: Final = (
    *fields("u32", ("u32_0", "", "name unknown"), ("u32_1", "", "name unknown")),
    *fields("f64", *((f"f64_{i}", "", "name unknown") for i in range(4))),
    *(
        field
        for i in range(9)
        for field in (
            Field(f"position_{i}", "I3Position", doc="name unknown"),
            *fields("f64", *((f"position_{i}_f64_{j}", "", "name unknown") for j in range(3))),
        )
    ),
)

I3ShieldHitRecord = frame_object(
    "I3ShieldHitRecord",
    2,
    Field("time_residual", "f64", "ns", "time relative to the shower front"),
    Field("distance", "f64", "m", "distance to the track"),
    Field("charge", "f32", "VEM", "charge", since=2),
    Field("dom_key", "OMKey", doc="module", since=1),
    doc="A hit of IceTop near a track.",
)

I3CutValuesBase = frame_object("I3CutValuesBase", 0, doc="Base of counts of hits.", abstract=True)
I3CutValues = Class(
    "I3CutValues",
    2,
    (
        Field("", "I3FrameObject", until=2),
        Field("", "I3CutValuesBase", since=2),
        *fields(
            "i32",
            ("Nchan", "", "modules with hits"),
            ("Nhit", "", "hits"),
            ("Nstring", "", "strings with hits", 1),
            ("Ndir", "", "direct hits"),
        ),
        *fields(
            "f64",
            ("Ldir", "m", "length of direct hits along the track"),
            ("Sdir", "", "smoothness of direct hits"),
            ("Sall", "", "smoothness of all hits", 1),
        ),
        Field("cog", "I3Position", doc="centre of gravity of the hits"),
    ),
    doc="Counts of the hits near a track.",
)
I3CascadeCutValues = Class(
    "I3CascadeCutValues",
    1,
    (
        Field("", "I3FrameObject", until=1),
        Field("", "I3CutValuesBase", since=1),
        *fields(
            "i32",
            ("Nchan", "", "modules with hits"),
            ("Nhit", "", "hits"),
            ("N_1hit", "", "modules with just one hit"),
            ("Nstring", "", "strings with hits"),
            ("Ndir", "", "direct hits"),
            ("Nearly", "", "early hits"),
            ("Nlate", "", "late hits"),
        ),
        Field("cog", "I3Position", doc="centre of gravity of the hits"),
    ),
    doc="Counts of the hits near a cascade.",
)

I3LikelihoodEllipse = frame_object(
    "I3LikelihoodEllipse",
    0,
    Field("center", Vector("f64"), doc="centre"),
    Field("inverse_covariance", Vector(Vector("f64")), doc="inverse of the covariance matrix"),
    Field("nllh", "f64", doc="negative logarithm of the likelihood"),
    Field("axis_names", Vector("str"), doc="what the axes are"),
    doc="An ellipse of equal likelihood.",
)
I3MuonEnergyParams = frame_object(
    "I3MuonEnergyParams",
    0,
    *fields(
        "f64",
        ("N", "", "normalisation"),
        ("N_err", "", "its error"),
        ("b", "1/m", "slope"),
        ("b_err", "1/m", "its error"),
        ("gamma", "", "exponent"),
        ("gamma_err", "", "its error"),
        ("nDOMs", "", "modules used"),
        ("rllh", "", "likelihood per degree of freedom"),
        ("chi2", "", "quality of the fit"),
        ("chi2ndof", "", "logl divided by ndof"),
        ("peak_energy", "GeV", "energy at the peak"),
        ("peak_sigma", "GeV", "its error"),
        ("mean", "GeV", "mean energy loss"),
        ("median", "GeV", "median energy loss"),
        ("bin_width", "m", "width of a bin along the track"),
    ),
    Field("status", FIT_STATUS, doc="outcome"),
    doc="Fit of the energy losses along a muon.",
)
I3PortiaPulse = frame_object(
    "I3PortiaPulse",
    2,
    Field("reco_pulse", "I3RecoPulse", doc="the pulse"),
    *fields(
        "f64",
        ("BaseLine", "", "baseline"),
        ("LaunchTime", "ns", "start of the readout"),
        ("PeakBinTime", "ns", "time of the peak"),
        ("Time50", "ns", "time at which half of the charge has arrived"),
        ("Time80", "ns", "time at which 80 % of the charge has arrived"),
        ("TOT", "ns", "time over threshold"),
        ("LETime", "ns", "leading edge"),
        ("NPE", "PE", "charge"),
        ("IntegratedCharge", "", "charge as integrated"),
        ("Amplitude", "", "amplitude"),
    ),
    Field("LCBit", "bool", doc="local coincidence"),
    *fields(
        "f64",
        ("PMTGain", "", "gain of the PMT"),
        ("PositionX", "m", "x of the module"),
        ("PositionY", "m", "y of the module"),
        ("PositionZ", "m", "z of the module"),
    ),
    Field("BinNumber", "i32", doc="number of bins", since=1),
    Field("BinSize", "f64", "ns", "width of a bin", since=1),
    Field("StartTime", "f64", "ns", "time of the first bin", since=2),
    doc="A pulse of an event of extremely high energy.",
)
OPHELIA: Final = Pointer("I3OpheliaParticle", derived=("I3OpheliaParticle", "I3OpheliaFirstGuessTrack"))
I3OpheliaParticle = frame_object(
    "I3OpheliaParticle",
    1,
    Field("i3particle", "I3Particle", doc="the particle", until=1),
    Field("daughters", Vector(OPHELIA), doc="particles that come from it"),
    Field("i3particle", "I3Particle", doc="the particle", since=1),
    doc="A particle of an event of extremely high energy.",
)
I3OpheliaFirstGuessTrack = Class(
    "I3OpheliaFirstGuessTrack",
    2,
    (
        Field("", "I3OpheliaParticle", flat=""),
        *fields(
            "f64",
            *((f"Velocity_{x}", "m/ns", f"{x} of the speed") for x in "xyz"),
            *((f"CenterOfBrightness_{x}", "m", f"{x} of the centre of charge") for x in "xyz"),
        ),
        Field("FitSuccess", "bool", doc="whether the fit succeeded"),
        Field("FitQuality", "f64", doc="quality of the fit"),
        *fields("f64", *((f"BrightestDOM_{x}", "m", f"{x} of the brightest module", 2) for x in "xyz")),
    ),
    doc="First guess of the track of an event of extremely high energy.",
)
I3ParticleIntersections = frame_object(
    "I3ParticleIntersections",
    0,
    Field("particle", "I3Particle", doc="the particle"),
    Field("intersections", Vector("I3Position"), doc="where it crosses the surface of the detector"),
    doc="Where a particle enters and leaves the detector.",
)
OMKeyPair = frame_object(
    "OMKeyPair",
    0,
    Field("key1", "OMKey", doc="first PMT"),
    Field("key2", "OMKey", doc="second PMT"),
    doc="Two PMTs.",
)
DSTReco = Class(
    "DSTReco",
    1,
    (
        Field("direction", "i16", doc="direction, packed"),
        Field("distance", "u8", doc="distance to the detector's centre, binned", until=1),
        Field("position", "DSTPosition", doc="a point on the track", until=1),
    ),
    doc="A track in two bytes.",
)
I3DST = frame_object(
    "I3DST",
    4,
    Field("triggertag", "u16", doc="triggers, as bits"),
    Field("coord_reco1", "i16", doc="first direction, packed", until=3),
    Field("coord_reco2", "i16", doc="second direction, packed", until=3),
    Field("distance", "u8", doc="distance to the detector's centre, binned", until=3),
    Field("twr_ndom", "u16", doc="AMANDA modules with hits", until=3),
    Field("nchannel", "u16", doc="modules with hits", until=3),
    Field("twr_nhit0", "u8", doc="upper part of AMANDA's number of hits", until=3),
    Field("twr_nhit1", "u16", doc="lower part of AMANDA's number of hits", until=3),
    Field("nhit0", "u8", doc="upper part of the number of hits", until=3),
    Field("nhit1", "u16", doc="lower part of the number of hits", until=3),
    Field("time", "u32", "0.1 ms", "time since the first event", until=3),
    Field("reco1", "DSTReco", doc="first reconstruction", since=3),
    Field("reco2", "DSTReco", doc="second reconstruction", since=3),
    Field("nchannel", "u16", doc="modules with hits", since=3),
    Field("nstring", "u8", doc="strings with hits", since=3),
    Field("nhit0", "u8", doc="upper part of the number of hits", since=3),
    Field("nhit1", "u16", doc="lower part of the number of hits", since=3),
    Field("cog", "DSTPosition", doc="centre of gravity", since=3),
    Field("time", "u32", "0.1 ms", "time since the first event", since=3),
    Field("ndir", "u8", doc="direct hits", since=3),
    Field("ldir", "u8", doc="length of direct hits, binned", since=4),
    Field("rlogl", "u8", doc="likelihood, binned", since=4),
    Field("log_e", "u8", doc="logarithm of the energy, binned", since=4),
    Field("reco_label", "u8", doc="which reconstructions were stored"),
    doc="An event in some 38 bytes.",
)

CLASSES: Final = (
    I3LogLikelihoodFitParams,
    I3DirectHitsValues,
    I3HitMultiplicityValues,
    I3HitStatisticsValues,
    I3TimeCharacteristicsValues,
    I3TrackCharacteristicsValues,
    I3LineFitParams,
    _inertia("I3TensorOfInertiaFitParams", "Result of the fit by the tensor of inertia."),
    _inertia("I3CLastFitParams", "Result of the first guess of a cascade."),
    CramerRaoParams,
    I3DipoleFitParams,
    I3FiniteCuts,
    I3StartStopParams,
    I3CscdLlhFitParams,
    I3FillRatioInfo,
    I3ParaboloidFitParams,
    MillipedeFitParams,
    I3PortiaEvent,
    I3PortiaPulse,
    mapping("I3PortiaPulseMap", "OMKey", "I3PortiaPulse", "Pulses of an event of extremely high energy."),
    I3OpheliaParticle,
    I3OpheliaFirstGuessTrack,
    I3CutValuesBase,
    I3CutValues,
    I3CascadeCutValues,
    I3LikelihoodEllipse,
    vector("I3LikelihoodEllipseCollection", "I3LikelihoodEllipse", "Ellipses of equal likelihood."),
    I3MuonEnergyParams,
    I3ParticleIntersections,
    vector("I3ParticleIntersectionsSeries", "I3ParticleIntersections", "Where particles cross the detector."),
    OMKeyPair,
    vector("I3VectorOMKeyPair", "OMKeyPair", "Pairs of PMTs."),
    I3Veto,
    frame_object("I3VetoShort", 0, *VETO_SHORT, doc="Where a cascade lies in the detector, in short."),
    DSTPosition,
    DSTReco,
    I3DST,
    I3DST16,
    I3DSTHeader16,
    frame_object("I3SantaFitParams", 4, *SANTA, doc="Result of the single-string fit."),
    frame_object("Variables", 0, *VARIABLES, doc="Cut variables whose names are unknown."),
    I3ShieldHitRecord,
    frame_object(
        "I3VectorI3ShieldHitRecord",
        0,
        Field("value", Vector("I3ShieldHitRecord"), doc="the hits"),
        doc="Hits of IceTop near a track.",
    ),
)
