"""Layouts of the modules of the Upgrade: readouts, calibration and settings of mDOMs, D-Eggs and LOMs."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import fields, mapping
from icecol.i3.classes.layout import CArray, Class, Enum, Field, Pair, Vector

LC_FLAGS: Final = Enum(
    "UpgradeLCFlags",
    (
        ("NoLC", 0),
        ("OnboardLC", 1),
        ("SingleModuleLC", 2),
        ("MultiModuleLC", 4),
        ("DEggInclusiveLC", 8),
        ("DEggExclusiveLC", 16),
        ("NonUniformLC", 32),
    ),
)
FEX_RESULT: Final = Enum(
    "I3XDOMLaunch::FEXResult",
    (
        ("UNDEFINED", 0),
        ("SUCCESS", 1),
        ("WAVEFORM_UNEXTRACTABLE", 2),
        ("INVALID_INPUT_PARAMETERS", 3),
        ("INVALID_CONFIG", 4),
        ("INTERNAL_ERROR", 5),
        ("DOMAIN_ERROR", 6),
        ("CHARGE_ERROR", 7),
        ("MAX_GRADIENT_ERROR", 8),
    ),
)
SELECTION_TYPE: Final = Enum("I3XDOMLaunch::SelectionType", (("UNDEFINED", 0), ("MIN_BIAS", 1)))
MDOM_TRIGGER: Final = Enum(
    "I3mDOMLaunch::TriggerType",
    (("UNDEFINED", 0), ("SOFTWARE", 1), ("ADC_THRESHOLD", 2), ("DISCRIMINATOR", 3), ("EXTERNAL", 4)),
)
READOUT_MODE: Final = (("UnknownReadoutMode", -1), ("FIXED_LENGTH", 0), ("VARIABLE_LENGTH", 1))

I3XDOMLaunch = Class(
    "I3XDOMLaunch",
    1,
    (
        Field("time", Pair("f64", "bool"), "ns", "time of the trigger, and whether it is valid"),
        Field("lc_bit", "bool", doc="local coincidence", until=1),
        Field("lc_flags", LC_FLAGS, doc="kinds of local coincidence, as bits", since=1),
        Field("adc_data", Vector("u8"), doc="samples, delta-compressed"),
        Field("n_samples", "u32", doc="number of samples"),
        Field("n_pre_samples", "u32", doc="samples before the trigger"),
        Field("baseline_value", Pair("f64", "bool"), "counts", "baseline, and whether it is valid"),
        Field("fex_result", FEX_RESULT, doc="outcome of the feature extraction in the module"),
        Field("selection_type", SELECTION_TYPE, doc="why the waveform was sent"),
    ),
    doc="A digital readout of a PMT, as all modules of the Upgrade make it.",
)
I3DEggLaunch = Class(
    "I3DEggLaunch",
    0,
    (Field("launch", "I3XDOMLaunch", flat="", doc="the readout"),),
    doc="A digital readout of a D-Egg.",
)
TOT_HIT: Final = Class(
    "I3mDOMLaunch::TOTHit",
    0,
    fields("f64", ("time", "ns", "start"), ("tot", "ns", "time over threshold")),
    doc="A time over threshold of an mDOM's discriminator.",
)
I3mDOMLaunch = Class(
    "I3mDOMLaunch",
    0,
    (
        Field("launch", "I3XDOMLaunch", flat="", doc="the readout"),
        Field("trigger_type", MDOM_TRIGGER, doc="what started the readout"),
        Field("tot_hits", Vector(TOT_HIT.name), doc="times over threshold"),
    ),
    doc="A digital readout of an mDOM.",
)
I3LOMLaunch = Class(
    "I3LOMLaunch",
    0,
    (
        Field("time", Pair("f64", "bool"), "ns", "time of the trigger, and whether it is valid"),
        Field("adc_data_high_gain", Vector("i32"), "counts", "samples of the channel with high gain"),
        Field("adc_data_low_gain", Vector("i32"), "counts", "samples of the channel with low gain"),
    ),
    doc="A digital readout of a LOM.",
)
I3XDOMHit = Class(
    "I3XDOMHit",
    1,
    (
        Field("time", "f64", "ns", "time"),
        Field("lc_bit", "bool", doc="local coincidence", until=1),
        Field("lc_flags", LC_FLAGS, doc="kinds of local coincidence, as bits", since=1),
        Field("charge", "f64", "PE", "charge"),
    ),
    doc="A hit whose time and charge were found in the module.",
)
I3NoiseSuppressionRecord = Class(
    "I3NoiseSuppressionRecord",
    0,
    (
        Field("time", "f64", "ns", "start of the time without readout"),
        Field("exclusion_window_size", "f64", "ns", "its length"),
        Field("lc_window_size", "f64", "ns", "window of local coincidence"),
        Field("n_noise_hits", "u32", doc="hits in it"),
    ),
    doc="Hits of an mDOM that were classified as noise and not read out.",
)

LinearityParameters = Class(
    "LinearityParameters",
    0,
    fields(
        "f64",
        ("p0", "mA", "first parameter"),
        ("p1", "mA", "second parameter"),
        ("p2", "mA", "third parameter"),
    ),
    doc="How the current of a PMT saturates.",
)
I3PMTCal = Class(
    "I3PMTCal",
    1,
    (
        Field("relative_pmt_eff", "f64", doc="efficiency relative to the nominal one of its kind"),
        Field("noise_rate", "f64", "Hz", "noise rate"),
        Field("spe_charge_dist", "SPEChargeDistribution", doc="charge of a photoelectron", since=1),
    ),
    doc="What the calibrations of all PMTs have in common.",
)
I3DEggCal = Class(
    "I3DEggCal",
    2,
    (
        Field("linearity_params", "LinearityParameters", doc="saturation", until=2),
        Field("hv_gain_relation", "LinearFit", doc="gain against high voltage, both as logarithms"),
        Field("pmt_transit_time", "f64", "ns", "transit time of the PMT"),
        Field("pmt_transit_time_spread", "f64", "ns", "spread of the transit time"),
        Field("dac_baseline_relation", "LinearFit", doc="baseline against its setting"),
        Field("temperature", "f64", doc="temperature of the mainboard"),
        Field("tau_params", "TauParam", doc="droop"),
        Field("adc_baseline_rms", "f64", "counts", "fluctuation of the baseline", since=2),
    ),
    doc="Calibration of a PMT of a D-Egg.",
)
I3mDOMCal = Class(
    "I3mDOMCal",
    2,
    (
        Field("hv_gain_relation", "LinearFit", doc="gain against high voltage, both as logarithms"),
        Field("pmt_transit_time", "f64", "ns", "transit time of the PMT"),
        Field("pmt_transit_time_spread", "f64", "ns", "spread of the transit time"),
        Field("adc_baseline_value", "f64", "counts", "baseline", since=1),
        Field("adc_baseline_dac", "u16", doc="setting for which the baseline is valid", since=1),
        Field("disc_threshold", "f64", doc="threshold of the discriminator", since=1),
        Field("disc_dac", "u16", doc="setting for which the threshold is valid", since=1),
        Field("adc_baseline_rms", "f64", "counts", "fluctuation of the baseline", since=2),
    ),
    doc="Calibration of a PMT of an mDOM.",
)
I3DEggStatus = Class(
    "I3DEggStatus",
    1,
    (
        Field("enabled", "bool", doc="whether it is read out", default=True),
        Field(
            "trig_mode",
            Enum("I3DEggStatus::DEggPMTTrigMode", (("UnknownTrigMode", -1), ("ADC", 0), ("FIR", 1))),
            doc="what starts a readout",
            default=-1,
        ),
        Field("trig_threshold", "u16", "counts", "threshold"),
        Field("fir_coefficients", CArray("i8", 16), doc="coefficients of the filter"),
        Field("pre_samples", "u8", doc="samples before the trigger"),
        Field("post_samples", "u8", doc="samples after the signal"),
        Field("pmt_hv", "f64", "V", "high voltage"),
        Field("baseline_dac", "u16", doc="setting of the baseline"),
        Field(
            "readout_mode",
            Enum("I3DEggStatus::DEggReadoutMode", READOUT_MODE),
            doc="length of a readout",
            since=1,
            default=-1,
        ),
    ),
    doc="Settings of a PMT of a D-Egg.",
)
I3mDOMStatus = Class(
    "I3mDOMStatus",
    1,
    (
        Field("enabled", "bool", doc="whether it is read out", default=True),
        Field(
            "trig_mode",
            Enum("I3mDOMStatus::mDOMPMTTrigMode", (("UnknownTrigMode", -1), ("ADC", 0), ("Disc", 1))),
            doc="what starts a readout",
            default=-1,
        ),
        Field("adc_threshold", "u16", "counts", "threshold of the samples"),
        Field("pre_samples", "u8", doc="samples before the trigger"),
        Field("post_samples", "u8", doc="samples after the signal"),
        Field("pmt_hv", "f64", "V", "high voltage"),
        Field("adc_baseline_dac", "u16", doc="setting of the baseline"),
        Field("disc_dac", "u16", doc="setting of the discriminator"),
        Field(
            "readout_mode",
            Enum("I3mDOMStatus::mDOMReadoutMode", READOUT_MODE),
            doc="length of a readout",
            since=1,
            default=-1,
        ),
    ),
    doc="Settings of a PMT of an mDOM.",
)

CLASSES: Final = (
    I3XDOMLaunch,
    I3DEggLaunch,
    mapping("I3DEggLaunchSeriesMap", "OMKey", Vector("I3DEggLaunch"), "Digital readouts of D-Eggs."),
    TOT_HIT,
    I3mDOMLaunch,
    mapping("I3mDOMLaunchSeriesMap", "OMKey", Vector("I3mDOMLaunch"), "Digital readouts of mDOMs."),
    I3LOMLaunch,
    mapping("I3LOMLaunchSeriesMap", "OMKey", Vector("I3LOMLaunch"), "Digital readouts of LOMs."),
    I3XDOMHit,
    mapping("I3XDOMHitSeriesMap", "OMKey", Vector("I3XDOMHit"), "Hits found in the modules."),
    I3NoiseSuppressionRecord,
    mapping(
        "I3NoiseSuppressionRecordSeriesMap",
        "OMKey",
        Vector("I3NoiseSuppressionRecord"),
        "Hits of mDOMs that were classified as noise.",
    ),
    LinearityParameters,
    I3PMTCal,
    mapping("I3PMTCalMap", "OMKey", "I3PMTCal", "Calibration of each PMT."),
    I3DEggCal,
    mapping("I3DEggCalMap", "OMKey", "I3DEggCal", "Calibration of each PMT of D-Eggs."),
    I3mDOMCal,
    mapping("I3mDOMCalMap", "OMKey", "I3mDOMCal", "Calibration of each PMT of mDOMs."),
    I3DEggStatus,
    mapping("I3DEggStatusMap", "OMKey", "I3DEggStatus", "Settings of each PMT of D-Eggs."),
    I3mDOMStatus,
    mapping("I3mDOMStatusMap", "OMKey", "I3mDOMStatus", "Settings of each PMT of mDOMs."),
)
