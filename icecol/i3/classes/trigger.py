"""Layouts of triggers and of the raw readout."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import mapping, opaque, vector
from icecol.i3.classes.layout import Class, Custom, Enum, Field, Vector, frame_object

SOURCE: Final = Enum(
    "TriggerKey::SourceID",
    (
        ("IN_ICE", 0),
        ("IN_ICE_UPGRADE", 5),
        ("ICE_TOP", 10),
        ("AMANDA_TWR_DAQ", 20),
        ("EXTERNAL", 30),
        ("GLOBAL", 40),
        ("AMANDA_MUON_DAQ", 50),
        ("SPASE", 70),
        ("UNKNOWN_SOURCE", 80),
        ("IN_ICE_PULSES", 90),
    ),
)
TYPE: Final = Enum(
    "TriggerKey::TypeID",
    (
        ("SIMPLE_MULTIPLICITY", 0),
        ("CALIBRATION", 10),
        ("MIN_BIAS", 20),
        ("THROUGHPUT", 30),
        ("TWO_COINCIDENCE", 40),
        ("THREE_COINCIDENCE", 50),
        ("MERGED", 70),
        ("SLOW_PARTICLE", 80),
        ("FAINT_PARTICLE", 90),
        ("FRAGMENT_MULTIPLICITY", 105),
        ("STRING", 120),
        ("VOLUME", 125),
        ("SPHERE", 127),
        ("UNBIASED", 129),
        ("SPASE_2", 170),
        ("UNKNOWN_TYPE", 180),
    ),
)
SUBTYPE: Final = Enum(
    "TriggerKey::SubtypeID",
    (("NO_SUBTYPE", 0), ("M18", 50), ("M24", 100), ("T0", 150), ("LASER", 200), ("UNKNOWN_SUBTYPE", 250)),
)

TriggerKey = Class(
    "TriggerKey",
    1,
    (
        Field("source", SOURCE, doc="part of the detector", default=80),
        Field("type", TYPE, doc="kind of condition", default=180),
        Field("subtype", SUBTYPE, doc="variant of the condition", since=1),
        Field("config_id", Custom("optional", "i32"), doc="number of the configuration; none if not set"),
    ),
    doc="Which trigger it is.",
)
I3Trigger = Class(
    "I3Trigger",
    1,
    (
        Field("time", "f64", "ns", "start of the trigger", default=0.0),
        Field("length", "f64", "ns", "length of the trigger", default=0.0),
        Field("fired", "bool", doc="whether the condition was met"),
        Field("key", "TriggerKey", doc="which trigger it is", flat=""),
    ),
    doc="A trigger that fired.",
)

TRIGGER_TYPE: Final = Enum(
    "I3DOMLaunch::TriggerType",
    (
        ("TEST_PATTERN", 0),
        ("CPU_REQUESTED", 1),
        ("SPE_DISCRIMINATOR_TRIGGER", 2),
        ("FLASHER_BOARD_TRIGGER", 3),
        ("MPE_DISCRIMINATOR_TRIGGER", 4),
        ("ONBOARD_LED", 5),
    ),
)
TRIGGER_MODE: Final = Enum(
    "I3DOMLaunch::TriggerMode",
    (
        ("UNDEFINED", 0),
        ("REQUIRE_BOTH", 1),
        ("FR_RUN", 2),
        ("LC_LOWER", 4),
        ("LC_UPPER", 8),
        ("UNKNOWN_MODE", 16),
        ("SLC_READOUT", 256),
        ("MIN_BIAS", 512),
        ("LAST_TRIGGER_SITUATION", 65536),
    ),
)
ATWD: Final = Enum("I3DOMLaunch::ATWDselect", (("UNKNOWN_CHIP", 0), ("ATWDa", 1), ("ATWDb", 2)))

I3DOMLaunch = Class(
    "I3DOMLaunch",
    5,
    (
        Field("time", "f64", "ns", "start of the readout", default=0.0),
        Field("trigger", "i32", doc="trigger of old data", until=1),
        Field("trigger_type", TRIGGER_TYPE, doc="what started the readout", since=1),
        Field("trigger_mode", TRIGGER_MODE, doc="circumstances of the start, as bits", since=1),
        Field("which_atwd", ATWD, doc="which of the two ATWD chips"),
        Field("raw_atwd", "I3VectorI3VectorInt", "counts", "ATWD samples of each channel", until=3),
        Field(
            "compressed_atwd",
            Vector(Vector("u32")),
            doc="ATWD channels, delta-compressed",
            since=3,
            default=((),) * 4,  # as many as there are numbers of samples: IceTray reads one for each
        ),
        *(
            Field(f"n_samples_atwd{i}", "u32", doc=f"number of samples of ATWD channel {i}", since=3)
            for i in range(4)
        ),
        Field("raw_fadc", "I3VectorInt", "counts", "FADC samples", until=3),
        Field("compressed_fadc", Vector("u32"), doc="FADC samples, delta-compressed", since=3),
        Field("n_samples_fadc", "u32", doc="number of FADC samples", since=3),
        Field("lc_bit", "bool", doc="local coincidence"),
        Field("raw_charge_stamp", "I3VectorInt", "counts", "largest FADC samples", until=5),
        Field("raw_charge_stamp", Vector("i32"), "counts", "largest FADC samples", since=5),
        Field("is_pedestal_sub", "bool", doc="whether the pedestal is subtracted", since=3),
        Field("charge_stamp_range", "bool", doc="range of the charge stamp of old data", until=2),
        Field("charge_stamp_highest_sample", "u32", doc="highest FADC sample of the first 16", since=2),
        Field("raw_atwd_charge_stamp", "u32", "counts", "sum of the ATWD samples", since=4),
        Field("which_atwd_charge_stamp", "u32", doc="ATWD channel of that sum", since=4),
    ),
    doc="A digital readout of a DOM.",
)

I3FlasherInfo = frame_object(
    "I3FlasherInfo",
    1,
    Field("flashing_om", "OMKey", doc="module that flashed"),
    Field("flash_time", "f64", "ns", "time of the flash", default=0.0),
    Field("atwd_bin_size", "f64", "ns", "width of an ATWD bin", default=0.0),
    Field("raw_atwd3", Vector("i32"), "counts", "samples of ATWD channel 3"),
    Field("mask", "u32", doc="light-emitting diodes that flashed, as bits"),
    Field("led_brightness", "i32", doc="brightness setting"),
    Field("width", "i32", doc="width setting"),
    Field("rate", "i32", "Hz", "rate setting", since=1),
    doc="A flash of a DOM's light-emitting diodes.",
)

AMANDA: Final = (
    Class(
        "I3TWRFrag",
        1,
        (
            Field("id", "i32", doc="identifier", until=1),
            Field("parent_id", "i32", doc="identifier of what it belongs to", until=1),
            Field("frag_start_time", "f64", "ns", "time of the first sample", until=1),
            Field("start_bin", "i32", doc="number of the first sample", until=1),
            Field("waveform", Vector("f64"), "counts", "samples", until=1),
            Field("start_bin", "u32", doc="number of the first sample", since=1),
            Field("waveform", Vector("u32"), "counts", "samples", since=1),
        ),
        doc="A part of the digital readout of an AMANDA module.",
    ),
    Class(
        "I3Vector<I3TWRFrag>",
        0,
        vector("", "I3TWRFrag", "").fields,
        tracked=False,
        doc="Parts of the digital readout of an AMANDA module.",
    ),
    Class(
        "I3TWRLaunch",
        1,
        (
            Field("fragments", "I3Vector<I3TWRFrag>", doc="its parts", until=1),
            Field("id", "i32", doc="identifier", until=1),
            Field("bin_size", "f64", "ns", "width of a bin", until=1),
            Field("baseline", "f64", "counts", "baseline", until=1),
            Field("stop_delay", "i32", doc="delay of the stop", until=1),
            Field("threshold", "i32", "counts", "threshold", until=1),
            Field("optical", "bool", doc="whether it is read out by optical fibre", until=1),
            Field("baseline", "u32", "counts", "baseline", since=1),
            Field("fragments", Vector("I3TWRFrag"), doc="its parts", since=1),
        ),
        doc="A digital readout of an AMANDA module.",
    ),
    Class(
        "I3AMANDAAnalogReadout",
        0,
        (
            Field("LEs", Vector("f64"), "ns", "leading edges"),
            Field("TEs", Vector("f64"), "ns", "trailing edges"),
            Field("hit_numbers", Vector("i32"), doc="numbers of the hits"),
            Field("parent_ids", Vector("i32"), doc="what the hits belong to"),
            Field("adc", "f64", doc="largest amplitude"),
            Field("overflow", "bool", doc="whether edges were lost"),
            Field("calibrated", "bool", doc="whether it is calibrated"),
        ),
        doc="An analog readout of an AMANDA module.",
    ),
)

CLASSES: Final = (
    TriggerKey,
    I3Trigger,
    frame_object(
        "I3TriggerHierarchy",
        0,
        Field("", Custom("tree_counts", "I3Trigger"), doc="the triggers"),
        doc="The triggers of an event, as a tree of which consists of which.",
    ),
    frame_object(
        "I3SuperDSTTriggerSeries",
        0,
        Field("", Custom("superdst_triggers"), doc="the triggers: index in the configuration, length, time"),
        doc="The triggers of an event in a few bytes each.",
    ),
    vector("I3VectorI3Trigger", "I3Trigger", "Triggers."),
    vector("I3VectorI3VectorInt", "I3VectorInt", "Lists of integers."),
    I3DOMLaunch,
    mapping("I3DOMLaunchSeriesMap", "OMKey", Vector("I3DOMLaunch"), "Digital readouts by DOM."),
    I3FlasherInfo,
    vector("I3FlasherInfoVect", "I3FlasherInfo", "Flashes."),
    *AMANDA,
    mapping("I3TWRLaunchSeriesMap", "OMKey", Vector("I3TWRLaunch"), "Readouts of AMANDA modules."),
    mapping("I3AMANDAAnalogReadoutMap", "OMKey", "I3AMANDAAnalogReadout", "Readouts of AMANDA modules."),
    opaque("I3StationHit"),
    mapping("I3StationHitMap", "i32", "I3StationHit", "Hits of IceTop stations, of an early era."),
)
