"""Layouts of numbers, keys, positions and times, and of the vectors and maps made of them alone."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.layout import Class, Custom, Field, Map, RawPairs, Type, Variant, Vector, frame_object

I3FrameObject = Class("I3FrameObject", 0, (), doc="Base of everything that can be put into a frame: no data.")

OMKey = Class(
    "OMKey",
    2,
    (
        Field("", "I3FrameObject", until=2),
        Field("string", "i32", doc="string number"),
        Field("om", "u32", doc="number of the optical module on its string; 61 to 64 are IceTop tanks"),
        Field("pmt", "u8", doc="PMT in the module; 0 in IceCube DOMs", since=1),
    ),
    doc="A PMT.",
)
ModuleKey = Class(
    "ModuleKey",
    1,
    (
        Field("", "I3FrameObject", until=1),
        Field("string", "i32", doc="string number"),
        Field("om", "u32", doc="number of the optical module on its string"),
    ),
    doc="An optical module.",
)
TankKey = Class(
    "TankKey",
    0,
    (
        Field("string", "i32", doc="station number"),
        Field("tank", "i32", doc="tank of the station: 0 is A, 1 is B"),
    ),
    doc="An IceTop tank.",
)


def _station_key(name: str, number: str, doc: str) -> Class:
    """Make the layout of a key of surface instruments: station and number."""
    return Class(
        name, 0, (Field("station", "i32", doc="station number"), Field(number, "i32", doc="number")), doc=doc
    )


ScintKey = _station_key("ScintKey", "panel", "A scintillator panel.")
AntennaKey = _station_key("AntennaKey", "antenna", "A radio antenna.")
IceActKey = _station_key("IceActKey", "telescope", "An IceAct telescope.")

I3Position = frame_object(
    "I3Position",
    0,
    Field("x", "f64", "m", "x in detector coordinates"),
    Field("y", "f64", "m", "y in detector coordinates"),
    Field("z", "f64", "m", "z in detector coordinates, up"),
    doc="A point in detector coordinates.",
)
I3Direction = frame_object(
    "I3Direction",
    0,
    Field("zenith", "f64", "rad", "zenith angle of the direction that the particle comes from"),
    Field("azimuth", "f64", "rad", "azimuth angle of the direction that the particle comes from"),
    doc="A direction, given as the one that the particle comes from.",
)
I3Quaternion = frame_object(
    "I3Quaternion",
    0,
    Field("x", "f64", doc="x of the quaternion"),
    Field("y", "f64", doc="y of the quaternion"),
    Field("z", "f64", doc="z of the quaternion"),
    Field("w", "f64", doc="real part of the quaternion"),
    doc="A rotation as a quaternion.",
)
I3Orientation = frame_object(
    "I3Orientation",
    0,
    Field(
        "quaternion",
        "I3Quaternion",
        flat="",
        doc="rotation: it faces along the rotated z axis, up is the rotated x axis",
    ),
    doc="Orientation of a sensor.",
)
I3Time = frame_object(
    "I3Time",
    0,
    Field("utc_year", "i32", doc="UTC year"),
    Field("utc_daq_time", "i64", "0.1 ns", "time since the start of the UTC year"),
    doc="A point in time: UTC year and tenths of nanoseconds since its start.",
)
I3ParticleID = Class(
    "I3ParticleID",
    0,
    (
        Field("majorID", "u64", doc="identifier of the process that made the particle"),
        Field("minorID", "i32", doc="serial number of the particle in that process"),
    ),
    doc="Identity of a particle.",
)
I3TimeWindow = Class(
    "I3TimeWindow",
    1,
    (
        Field("", "I3FrameObject", since=1),
        Field("start", "f64", "ns", "start of the window"),
        Field("stop", "f64", "ns", "end of the window"),
    ),
    doc="A time window.",
)
I3TimeWindowSeries = frame_object(
    "I3TimeWindowSeries",
    1,
    Field("", Vector("I3TimeWindow"), doc="the windows, sorted and without overlap"),
    doc="Windows in time.",
)


def pod(name: str, of: Type, doc: str) -> Class:
    """Make the layout of an I3PODHolder: one value under the name `value`."""
    return frame_object(name, 0, Field("value", of, doc="the value"), doc=doc)


def vector(name: str, of: Type, doc: str) -> Class:
    """Make the layout of an I3Vector of plain elements, named `value` in columns."""
    return frame_object(name, 0, Field("value", Vector(of), doc="the elements"), doc=doc)


def mapping(name: str, key: Type, value: Type, doc: str) -> Class:
    """Make the layout of an I3Map."""
    return frame_object(
        name, 0, Field("", Map(key, value), doc="the entries, in the order of their keys"), doc=doc
    )


def opaque(name: str) -> Class:
    """Make the layout of a class whose members are not known: an object that holds one keeps its bytes."""
    return Class(name, 0, (Field("", Custom("opaque"), doc="layout unknown"),), doc="Layout unknown.")


def fields(of: Type, *rows: tuple[str, str, str] | tuple[str, str, str, int]) -> tuple[Field, ...]:
    """Make fields of one type from (name, unit, doc) or (name, unit, doc, since)."""
    return tuple(Field(row[0], of, row[1], row[2], since=row[3] if len(row) == 4 else 0) for row in rows)


PODS: Final = (
    pod("I3Double", "f64", "A floating-point number."),
    pod("I3Int", "i32", "An integer."),
    pod("I3Bool", "bool", "A truth value."),
    pod("I3String", "str", "A text."),
    pod("I3UInt64", "u64", "An unsigned 64-bit integer."),
)

VECTORS: Final = (
    vector("I3VectorBool", "bool", "Truth values."),
    vector("I3VectorChar", "i8", "Bytes."),
    vector("I3VectorShort", "i16", "16-bit integers."),
    vector("I3VectorUShort", "u16", "Unsigned 16-bit integers."),
    vector("I3VectorInt", "i32", "Integers."),
    vector("I3VectorUnsignedInt", "u32", "Integers without sign."),
    vector("I3VectorInt64", "i64", "64-bit integers."),
    vector("I3VectorUInt64", "u64", "Unsigned 64-bit integers."),
    vector("I3VectorFloat", "f32", "Floating-point numbers in single precision."),
    vector("I3VectorDouble", "f64", "Floating-point numbers."),
    vector("I3VectorString", "str", "Texts."),
    vector("I3VectorOMKey", "OMKey", "Photomultipliers."),
    vector("I3VectorTankKey", "TankKey", "IceTop tanks."),
    vector("I3VectorModuleKey", "ModuleKey", "Modules."),
    vector("I3VectorScintKey", "ScintKey", "Scintillator panels."),
    vector("I3VectorAntennaKey", "AntennaKey", "Radio antennas."),
    vector("I3VectorIceActKey", "IceActKey", "IceAct telescopes."),
    vector("I3VectorI3Position", "I3Position", "Points."),
    frame_object(
        "I3VectorDoubleDouble",
        0,
        Field("value", RawPairs("f64", "f64"), doc="the pairs"),
        doc="Pairs of floating-point numbers.",
    ),
)

GENIE_VALUE = Variant(("i32", "f64", "bool", Vector("i32"), Vector("f64"), Vector("bool")))

MAPS: Final = (
    mapping("I3MapStringDouble", "str", "f64", "Numbers by name: weights, cut variables."),
    mapping("I3MapStringInt", "str", "i32", "Integers by name."),
    mapping("I3MapStringBool", "str", "bool", "Booleans by name."),
    mapping("I3MapStringString", "str", "str", "Texts by name."),
    mapping("I3MapStringVectorDouble", "str", Vector("f64"), "Lists of numbers by name."),
    mapping("I3MapStringStringDouble", "str", "I3MapStringDouble", "Numbers by two names."),
    mapping("I3GENIEResultDict", "str", GENIE_VALUE, "What GENIE says about an interaction, by name."),
    mapping("I3MapKeyVectorDouble", "OMKey", Vector("f64"), "Lists of numbers by PMT."),
    mapping("I3MapKeyVectorInt", "OMKey", Vector("i32"), "Lists of integers by PMT."),
    mapping("I3MapKeyDouble", "OMKey", "f64", "Numbers by PMT."),
    mapping("I3MapKeyUInt", "OMKey", "u32", "Integers by PMT."),
    mapping("I3MapUnsignedUnsigned", "u32", "u32", "Integers by integer."),
    mapping("I3MapUnsignedDouble", "u32", "f64", "Numbers by integer."),
    mapping("I3MapUShortUShort", "u16", "u16", "16-bit integers by 16-bit integer."),
    mapping("I3MapIntVectorInt", "i32", Vector("i32"), "Lists of integers by integer."),
    mapping("I3MapTriggerDouble", "TriggerKey", "f64", "Numbers by trigger."),
    mapping("I3MapTriggerUInt", "TriggerKey", "u32", "Integers by trigger."),
    mapping("I3MapTriggerVectorUInt", "TriggerKey", Vector("u32"), "Lists of integers by trigger."),
    mapping("I3MapModuleKeyString", "ModuleKey", "str", "Strings by module: the subdetector it belongs to."),
    mapping("I3MapI3ParticleIDDouble", "I3ParticleID", "f64", "Numbers by particle."),
    mapping("I3TimeWindowSeriesMap", "OMKey", "I3TimeWindowSeries", "Time windows by PMT."),
    mapping("I3IceActPixelPositionMap", "u32", "I3Position", "Points by pixel of an IceAct telescope."),
)

MATRIX: Final = (
    Class(
        "I3Matrix::storage",
        0,
        (Field("data", Vector("f64"), doc="the elements, row by row"),),
        doc="Elements of a matrix.",
    ),
    Class(
        "I3Matrix::matrix",
        0,
        (
            Field("rows", Custom("size"), doc="number of rows"),
            Field("columns", Custom("size"), doc="number of columns"),
            Field("storage", "I3Matrix::storage", flat="", doc="the elements"),
        ),
        doc="A matrix without its frame object.",
    ),
    frame_object(
        "I3Matrix", 0, Field("value", "I3Matrix::matrix", flat="", doc="the matrix"), doc="A matrix."
    ),
)

I3RUsage = frame_object(
    "I3RUsage",
    0,
    Field("SystemTime", "f64", "s", "CPU time in the kernel"),
    Field("UserTime", "f64", "s", "CPU time in the process"),
    Field("WallClockTime", "f64", "s", "time that passed"),
    doc="Resources that a module used.",
)

CONFIGURATION: Final = (
    Class(
        "I3Parameter",
        0,
        (
            Field("name", "str", doc="name of the parameter"),
            Field("description", "str", doc="what it means"),
            Field("default", "str", doc="its default, as Python writes it"),
            Field("configured", "str", doc="its value, as Python writes it"),
        ),
        tracked=False,
        doc="A parameter of a module.",
    ),
    Class(
        "I3ConfigurationImpl::parameters",
        0,
        (Field("", Custom("vector16", "I3Parameter"), doc="the parameters"),),
        doc="Parameters of a module.",
    ),
)

CLASSES: Final = (
    I3FrameObject,
    OMKey,
    ModuleKey,
    TankKey,
    ScintKey,
    AntennaKey,
    IceActKey,
    I3Position,
    I3Direction,
    I3Quaternion,
    I3Orientation,
    I3Time,
    I3ParticleID,
    I3TimeWindow,
    I3TimeWindowSeries,
    *PODS,
    *VECTORS,
    *MAPS,
    *MATRIX,
    I3RUsage,
    *CONFIGURATION,
)
