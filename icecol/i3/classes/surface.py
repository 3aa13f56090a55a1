"""Layouts of the surface array: IceTop reconstruction, radio antennas, scintillators, IceAct telescopes."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import fields, mapping
from icecol.i3.classes.layout import Class, Enum, Field, RawPairs, Type, Vector, frame_object

# -- IceTop ---------------------------------------------------------------------------------------------------------

_CHIPS: Final = ("C0", "C1", "Cunk")
I3IceTopSLCCalibration = Class(
    "I3IceTopSLCCalibration",
    0,
    (
        *(
            Field(f"{name}_{chip}A{channel}", "f64", doc=f"{name} of the charge of ATWD channel {channel}")
            for chips in (_CHIPS[:2], _CHIPS[2:])
            for name in ("intercept", "slope")
            for chip in chips
            for channel in range(3)
        ),
    ),
    doc="Calibration of the charges without local coincidence (SLC) of an IceTop DOM.",
)
I3TopLateralFitParams = frame_object(
    "I3TopLateralFitParams",
    4,
    *fields(
        "f64",
        ("Xc_err", "m", "error of the core's x"),
        ("Yc_err", "m", "error of the core's y"),
        ("S125", "VEM", "signal at 125 m"),
        ("Log10_S125_err", "", "error of its logarithm"),
        ("S50", "VEM", "signal at 50 m"),
        ("S70", "VEM", "signal at 70 m", 3),
        ("S80", "VEM", "signal at 80 m", 3),
        ("S100", "VEM", "signal at 100 m"),
        ("S150", "VEM", "signal at 150 m", 3),
        ("S180", "VEM", "signal at 180 m"),
        ("S250", "VEM", "signal at 250 m"),
        ("S500", "VEM", "signal at 500 m", 1),
        ("Sint", "VEM", "integrated signal"),
        ("Sint_err", "VEM", "error of the integrated signal"),
    ),
    *(
        Field(f"E_{what}", "f64", "GeV", "energy", since=since, until=4)
        for what, since in (("50", 1), ("100", 0), ("125", 0), ("180", 0), ("500", 1), ("firstguess", 0))
    ),
    *fields(
        "f64",
        ("E_proton", "GeV", "energy of a proton", 4),
        ("E_iron", "GeV", "energy of an iron nucleus", 4),
        ("Beta", "", "slope"),
        ("Beta_err", "", "error of the slope"),
        ("Dir_err", "rad", "error of the direction"),
        ("Age", "", "age of the shower"),
        ("Llh", "", "logarithm of the likelihood"),
        ("Llh_silent", "", "contribution of silent stations", 1),
        ("Chi2", "", "quality of the fit"),
    ),
    Field("Ndf", "i32", doc="degrees of freedom"),
    Field("RLogL", "f64", doc="logarithm of the likelihood per degree of freedom", since=3),
    Field("NMini", "i32", doc="likelihood evaluations", since=3),
    Field("Chi2_time", "f64", doc="quality of the fit of times", since=3),
    *fields(
        "f64",
        ("Corr_Xc_Yc", "", "correlation of x and y"),
        ("Corr_Xc_Log10_S125", "", "correlation of x and signal"),
        ("Corr_Xc_Beta", "", "correlation of x and slope"),
        ("Corr_Yc_Log10_S125", "", "correlation of y and signal"),
        ("Corr_Yc_Beta", "", "correlation of y and slope"),
        ("Corr_Log10_S125_Beta", "", "correlation of signal and slope"),
        ("SumVEM", "VEM", "sum of all signals"),
        ("Rmax", "m", "largest distance to the core"),
        ("Rmin", "m", "smallest distance to the core"),
        ("Rtrans", "m", "distance used for the energy"),
    ),
    Field("LoudestStation", "i32", doc="station with the largest signal"),
    Field("SnowFactor", "f64", "m", "attenuation length of snow", since=2),
    Field("SnowFactor_err", "f64", "m", "its error", since=2),
    doc="Result of the fit of an air shower's lateral distribution.",
)
I3TopRecoPlaneFitParams = frame_object(
    "I3TopRecoPlaneFitParams",
    1,
    Field("ET", "i64", "s", "time since the start of the year"),
    Field("DeltaT", "f64", "ns", "time since the last event"),
    *fields(
        "f32",
        ("T0", "ns", "time of the front"),
        ("X0", "m", "x of the front"),
        ("Y0", "m", "y of the front"),
        ("Chi2", "", "quality of the fit"),
    ),
    Field("NPulses", "u32", doc="pulses used"),
    doc="Result of the fit of a plane front.",
)

# -- radio antennas -------------------------------------------------------------------------------------------------

I3ComplexVector = frame_object(
    "I3ComplexVector",
    0,
    *fields(
        "f64", *((f"{x}_{part}", "", f"{part} part of {x}") for x in "xyz" for part in ("real", "imaginary"))
    ),
    doc="A vector of complex numbers.",
)


def _waveform(name: str, of: Type, unit: str, doc: str) -> Class:
    """Make the layout of a trace in time or frequency."""
    return frame_object(
        name,
        0,
        Field("array", of, doc="the values"),
        Field("binning", "f64", unit, "width of a bin"),
        Field("offset", "f64", unit, "start of the first bin"),
        doc=doc,
    )


_TRACES: Final = (
    _waveform("AntennaTimeSeries", Vector("f64"), "ns", "Voltage in time."),
    _waveform("AntennaSpectrum", RawPairs("f64", "f64"), "GHz", "Voltage by frequency: real, imaginary."),
    _waveform("EFieldTimeSeries", Vector("I3Position"), "ns", "Electric field in time."),
    _waveform("EFieldSpectrum", Vector("I3ComplexVector"), "GHz", "Electric field by frequency."),
)
DOMAIN: Final = Enum("FFTDataContainer::eDomain", (("Time", 0), ("Frequency", 1), ("Both", 2)))


def _fft_data(name: str, time: str, frequency: str, doc: str) -> Class:
    """Make the layout of a trace in time and its spectrum."""
    return frame_object(
        name,
        0,
        Field("time_series", time, doc="the trace in time"),
        Field("frequency_spectrum", frequency, doc="the trace by frequency"),
        Field("nyquist_zone", "u32", doc="Nyquist zone"),
        Field("up_to_date_domain", DOMAIN, doc="which of the two is valid"),
        doc=doc,
    )


I3AntennaChannel = frame_object(
    "I3AntennaChannel",
    0,
    Field("max_amplitude", "f64", doc="largest amplitude"),
    Field("time_at_maximum", "f64", "ns", "when it is"),
    Field("is_up_to_date", "bool", doc="whether these two are valid"),
    Field("fft_data", "FFTData", doc="the trace"),
    doc="A channel of a radio antenna.",
)
I3AntennaCal = Class(
    "I3AntennaCal",
    0,
    (
        Field(
            "antenna_type",
            Enum("I3AntennaCal::AntennaType", (("Unknown", 0), ("SKALA2", 1), ("SKALA4", 2))),
            doc="kind of antenna",
        ),
        Field(
            "cable_type",
            Enum("I3AntennaCal::CableType", (("Unknown", 0), ("LMR400", 1))),
            doc="kind of cable",
        ),
        Field(
            "daq_type",
            Enum("I3AntennaCal::DaqType", (("Unknown", 0), ("Board1_Taxi3_0", 1), ("Board2_Taxi3_2", 2))),
            doc="electronics",
        ),
        Field("cable_length", "f64", "m", "length of the cable"),
    ),
    doc="Calibration of a radio antenna.",
)

# -- IceAct telescopes ----------------------------------------------------------------------------------------------

_PIXELS: Final = (
    mapping("I3IceActWaveform", "u32", Vector("I3Waveform"), "Waveforms by pixel."),
    mapping("I3IceActRecoPulseSeries", "u32", Vector("I3RecoPulse"), "Pulses by pixel."),
)
_TELESCOPES: Final[tuple[tuple[str, Type, str], ...]] = (
    ("I3IceActBoolMap", "bool", "Truth values"),
    ("I3IceActIntMap", "i32", "Integers"),
    ("I3IceActUnsignedMap", "u32", "Integers without sign"),
    ("I3IceActDoubleMap", "f64", "Numbers"),
    ("I3IceActStringMap", "I3String", "Texts"),
    ("I3IceActTelescopePixelUnsignedMap", "I3MapUnsignedUnsigned", "Integers by pixel"),
    ("I3IceActTelescopePixelDoubleMap", "I3MapUnsignedDouble", "Numbers by pixel"),
    ("I3IceActTelescopePixelVectorIntMap", "I3MapIntVectorInt", "Lists of integers by pixel"),
    ("I3IceActTelescopeStringDoubleMap", "I3MapStringDouble", "Numbers by name"),
    ("I3IceActTriggerMap", "I3Trigger", "Triggers"),
    ("I3IceActWaveformMap", "I3IceActWaveform", "Waveforms by pixel"),
    ("I3IceActRecoPulseSeriesMap", "I3IceActRecoPulseSeries", "Pulses by pixel"),
)

CLASSES: Final = (
    I3IceTopSLCCalibration,
    mapping(
        "I3IceTopSLCCalibrationMap", "OMKey", "I3IceTopSLCCalibration", "Calibration of each IceTop DOM."
    ),
    frame_object(
        "I3IceTopSLCCalibrationCollection",
        1,
        Field("it_slc_cal", "I3IceTopSLCCalibrationMap", doc="calibration of each IceTop DOM"),
        Field("start_run", "i32", doc="valid from run"),
        Field("end_run", "i32", doc="valid until run"),
        Field("provenance", Enum("I3IceTopSLCCalibrationCollection::ITSLCCalProvenance", ()), doc="source"),
        doc="Calibration of charges without local coincidence of IceTop.",
    ),
    I3TopLateralFitParams,
    I3TopRecoPlaneFitParams,
    I3ComplexVector,
    *_TRACES,
    *(
        mapping(f"{trace.name}Map", "AntennaKey", trace.name, f"{trace.doc.rstrip('.')}, by antenna.")
        for trace in _TRACES
    ),
    _fft_data("FFTData", "AntennaTimeSeries", "AntennaSpectrum", "Voltage in time and by frequency."),
    _fft_data("FFTData3D", "EFieldTimeSeries", "EFieldSpectrum", "Electric field in time and by frequency."),
    mapping("FFTDataMap", "AntennaKey", "FFTData", "Voltages by antenna."),
    mapping("FFTData3DMap", "AntennaKey", "FFTData3D", "Electric fields by antenna."),
    I3AntennaChannel,
    mapping("I3AntennaChannelMap", "i32", "I3AntennaChannel", "Channels of an antenna."),
    mapping("I3AntennaDataMap", "AntennaKey", "I3AntennaChannelMap", "Channels by antenna."),
    I3AntennaCal,
    mapping("I3AntennaCalMap", "AntennaKey", "I3AntennaCal", "Calibration of each antenna."),
    frame_object(
        "I3AntennaCalibration",
        0,
        Field("antenna_cal_map", "I3AntennaCalMap", doc="calibration of each antenna"),
        Field("start_time", "I3Time", doc="valid from"),
        Field("end_time", "I3Time", doc="valid until"),
        doc="Calibration of the radio antennas.",
    ),
    mapping("I3ScintRecoPulseSeriesMap", "ScintKey", Vector("I3RecoPulse"), "Pulses by scintillator panel."),
    *_PIXELS,
    *(mapping(name, "IceActKey", of, f"{doc}, by IceAct telescope.") for name, of, doc in _TELESCOPES),
)
