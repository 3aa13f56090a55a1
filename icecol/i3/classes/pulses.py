"""Layouts of pulses, hits and waveforms, and of what refers to them."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import mapping
from icecol.i3.classes.layout import Class, Custom, Enum, Field, Pair, Vector, frame_object

I3RecoPulse = Class(
    "I3RecoPulse",
    3,
    (
        Field("time", "f64", "ns", "leading edge", until=2),
        Field("time", "f32", "ns", "leading edge", since=2, until=3),
        Field("time", "f64", "ns", "leading edge", since=3),
        Field("id", "i32", doc="identifier of the hit", until=2),
        Field("charge", "f64", "PE", "charge", until=2),
        Field("width", "f64", "ns", "width", until=2),
        Field("source_index", "i32", doc="digitizer the pulse was found in", since=1, until=2),
        Field("charge", "f32", "PE", "charge", since=2),
        Field("width", "f32", "ns", "width", since=2),
        Field("flags", "u8", doc="bit 0: local coincidence, bit 1: ATWD, bit 2: FADC", since=2),
    ),
    doc="Light seen by a PMT.",
)

MASK_BITS: Final = Class(
    "I3RecoPulseSeriesMapMask::bitmask",
    0,
    (Field("", Custom("bits"), doc="the bits"),),
    tracked=False,
    doc="A mask: which elements of a list are selected.",
)
I3RecoPulseSeriesMapMask = frame_object(
    "I3RecoPulseSeriesMapMask",
    2,
    Field("source", "str", doc="key of the pulse series that is masked"),
    Field("time_reference", "f32", "ns", "time reference", since=1, until=2),
    Field("key_mask", MASK_BITS.name, doc="which keys of the source have a pulse selected"),
    Field("element_masks", Vector(MASK_BITS.name), doc="for each such key, which pulses"),
    doc="A selection of the pulses under another key.",
)
I3RecoPulseSeriesMapUnion = frame_object(
    "I3RecoPulseSeriesMapUnion",
    0,
    Field("sources", Vector("str"), doc="keys of the pulse series that are merged"),
    doc="The pulses under several keys together.",
)
I3RecoPulseSeriesMapApplySPECorrection = frame_object(
    "I3RecoPulseSeriesMapApplySPECorrection",
    0,
    Field("pulses_key", "str", doc="key of the pulse series that is corrected"),
    Field("calibration_key", "str", doc="key of the calibration"),
    doc="The pulses under another key, charges divided by the mean charge of a photoelectron.",
)
I3RecoPulseSeriesMapCombineByModule = frame_object(
    "I3RecoPulseSeriesMapCombineByModule",
    0,
    Field("pulses_key", "str", doc="key of the pulse series that is combined"),
    doc="The pulses under another key, with the PMTs of a module combined.",
)

SUPERDST: Final = (
    Class(
        "I3SuperDST::SizeCodec",
        0,
        (Field("", Custom("size_codec"), doc="a compact number"),),
        tracked=False,
        doc="A compact number.",
    ),
    *(
        Class(
            f"I3SuperDST::{name}",
            0,
            (Field("", Custom("compact", of), doc="the words"),),
            tracked=False,
            doc=doc,
        )
        for name, of, doc in (
            ("ChargeStamps", "u16", "Times and charges of pulses, packed."),
            ("DOMHeaders", "u16", "Modules and coarse times, packed."),
            ("Bytes", "u8", "Widths of pulses and further bits of charges, packed."),
        )
    ),
    frame_object(
        "I3SuperDST",
        1,
        Field("", Custom("superdst_v0"), until=1),
        Field("charge_stamps", "I3SuperDST::ChargeStamps", doc="times and charges, packed", since=1),
        Field("dom_headers", "I3SuperDST::DOMHeaders", doc="modules and coarse times, packed", since=1),
        Field("widths_inice_slc", "I3SuperDST::Bytes", doc="widths in the ice without coincidence", since=1),
        Field("widths_inice_hlc", "I3SuperDST::Bytes", doc="widths in the ice with coincidence", since=1),
        Field("widths_icetop_slc", "I3SuperDST::Bytes", doc="widths in IceTop without coincidence", since=1),
        Field("widths_icetop_hlc", "I3SuperDST::Bytes", doc="widths in IceTop with coincidence", since=1),
        Field("extra_bytes", "I3SuperDST::Bytes", doc="further bits of charges in IceTop", since=1),
        doc="All pulses of an event in a few bytes each.",
    ),
)

STATUS: Final = Enum(
    "I3Waveform::Status", (("VIRGINAL", 0), ("COMBINED", 2), ("SATURATED", 4), ("UNDERSHOT", 8))
)

SOURCE_BITS: Final = "bits 0 to 2: digitizer (0 ATWD, 1 FADC), bit 3: chip, bit 4: local coincidence"

WAVEFORM_STATUS: Final = Class(
    "I3Waveform::StatusCompound",
    3,
    (
        Field("interval", Pair("u64", "u64"), doc="first bin and the one after the last"),
        Field("status", "u32", doc="how the bins can be used", until=3),
        Field("status", STATUS, doc="how the bins can be used", since=3, default=4),
        Field("channel", "i8", doc="ATWD channel; -1 if unknown", since=3, default=-1),
    ),
    doc="Status of a part of a waveform.",
)
I3Waveform = Class(
    "I3Waveform",
    3,
    (
        Field("time", "f64", "ns", "time of the first bin", default=0.0),
        Field("bin_width", "f64", "ns", "width of a bin", default=0.0),
        Field("waveform", Vector("f64"), "1e9 V", "voltage in each bin"),
        Field("waveform_information", Vector(WAVEFORM_STATUS.name), doc="status of its parts", since=1),
        Field("source", "i32", doc=SOURCE_BITS, until=3),
        Field("source", "u8", doc=SOURCE_BITS, since=3),
    ),
    doc="A calibrated waveform.",
)
I3RecoHit = Class(
    "I3RecoHit",
    1,
    (
        Field("time", "f64", "ns", "time"),
        Field("id", "i32", doc="identifier of the hit"),
        Field("source_index", "i32", doc="digitizer the hit was found in", since=1),
    ),
    doc="A hit without a charge.",
)

CLASSES: Final = (
    I3RecoPulse,
    mapping("I3RecoPulseSeriesMap", "OMKey", Vector("I3RecoPulse"), "Pulses by PMT."),
    mapping("I3RecoPulseMap", "OMKey", "I3RecoPulse", "One pulse by PMT."),
    MASK_BITS,
    I3RecoPulseSeriesMapMask,
    I3RecoPulseSeriesMapUnion,
    I3RecoPulseSeriesMapApplySPECorrection,
    I3RecoPulseSeriesMapCombineByModule,
    *SUPERDST,
    WAVEFORM_STATUS,
    I3Waveform,
    mapping("I3WaveformSeriesMap", "OMKey", Vector("I3Waveform"), "Calibrated waveforms by PMT."),
    I3RecoHit,
    mapping("I3RecoHitSeriesMap", "OMKey", Vector("I3RecoHit"), "Hits by PMT."),
    frame_object(
        "I3CompactKeyList",
        0,
        Field(
            "words",
            Custom("rest", "u16"),
            doc="from the lowest bit: string (7 bits), module (6), two unused, stop bit",
            default=(1 << 15,),  # the word that stands for an empty list
        ),
        doc="Modules, packed in two bytes each; the last has the stop bit.",
    ),
)
