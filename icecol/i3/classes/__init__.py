"""Layouts of all classes that icecol reads and writes, as tables, one file for each family.

In: nothing; these are facts about the serialisation of IceTray's classes. Out: `CLASSES`, a `Class` for each name, from
which decoding, encoding, columns, defaults and the table of coverage (docs/classes.md) are derived.

The files, in reading order:

- `layout`: start here. The language of the tables: `Class`, `Field` and the types that a field may have.
- `header` and `particle`: two short families that show what a table looks like; then `basic` (numbers, vectors, maps),
  `pulses`, `trigger`, `detector` (geometry, calibration, status), `reco`, `simulation`, `surface`, `upgrade`.
- `own`: layouts that a user adds (`ic.i3_class`), and how what was derived from the tables is dropped then.
- `old_values`: members whose meaning changed between versions; `identities`: the identities of new particles.
- `verified`: which versions of which classes were checked against files that IceTray wrote.

The idea: a class layout is data. To add a class, add its table to a family; nothing else has to change.

Examples
--------
>>> from icecol.i3.classes import CLASSES
>>> [field.name for field in CLASSES["I3LineFitParams"].at(1)]
['', 'LFVel', 'LFVelX', 'LFVelY', 'LFVelZ', 'NHits']
"""

from __future__ import annotations

from typing import Final

from icecol.i3.classes import (
    basic,
    detector,
    header,
    particle,
    pulses,
    reco,
    simulation,
    surface,
    trigger,
    upgrade,
)
from icecol.i3.classes.layout import Class

FAMILIES: Final = {
    module.__name__.rpartition(".")[2]: module.CLASSES
    for module in (basic, header, particle, pulses, trigger, detector, upgrade, surface, reco, simulation)
}
"""The layouts of each family."""

CLASSES: Final[dict[str, Class]] = {c.name: c for family in FAMILIES.values() for c in family}
"""Layouts by export name (classes that can be in a frame) or C++ name (classes inside others)."""

_SPELLING = {
    "I3Double": "I3PODHolder<double>",
    "I3Int": "I3PODHolder<int>",
    "I3Bool": "I3PODHolder<bool>",
    "I3String": "I3PODHolder<__cxx11::string >",
    "I3UInt64": "I3PODHolder<unsigned long>",
    "I3MCTree": "TreeBase::Tree<I3Particle, I3ParticleID, i3hash<I3ParticleID> >",
    "I3TriggerHierarchy": "I3Tree<I3Trigger>",
    "I3VectorBool": "I3Vector<bool>",
    "I3VectorChar": "I3Vector<char>",
    "I3VectorShort": "I3Vector<short>",
    "I3VectorUShort": "I3Vector<unsigned short>",
    "I3VectorInt": "I3Vector<int>",
    "I3VectorUnsignedInt": "I3Vector<unsigned int>",
    "I3VectorInt64": "I3Vector<long long>",
    "I3VectorUInt64": "I3Vector<unsigned long long>",
    "I3VectorFloat": "I3Vector<float>",
    "I3VectorDouble": "I3Vector<double>",
    "I3VectorDoubleDouble": "I3Vector<pair<double, double> >",
    "I3VectorString": "I3Vector<__cxx11::string >",
    "I3VectorOMKey": "I3Vector<OMKey>",
    "I3VectorTankKey": "I3Vector<TankKey>",
    "I3VectorModuleKey": "I3Vector<ModuleKey>",
    "I3VectorScintKey": "I3Vector<ScintKey>",
    "I3VectorAntennaKey": "I3Vector<AntennaKey>",
    "I3VectorIceActKey": "I3Vector<IceActKey>",
    "I3VectorI3Trigger": "I3Vector<I3Trigger>",
    "I3VectorI3Position": "I3Vector<I3Position>",
    "I3VectorI3ShieldHitRecord": "I3Vector<I3ShieldHitRecord>",
    "I3ParticleVect": "I3Vector<I3Particle>",
    "I3MMCTrackList": "I3Vector<I3MMCTrack>",
    "I3FlasherInfoVect": "I3Vector<I3FlasherInfo>",
    "I3StationGeo": "I3Vector<I3TankGeo>",
    "I3MapStringDouble": "I3Map<__cxx11::string, double>",
    "I3MapStringInt": "I3Map<__cxx11::string, int>",
    "I3MapStringBool": "I3Map<__cxx11::string, bool>",
    "I3MapStringString": "I3Map<__cxx11::string, __cxx11::string >",
    "I3MapStringVectorDouble": "I3Map<__cxx11::string, vector<double> >",
    "I3MapStringStringDouble": "I3Map<__cxx11::string, I3Map<__cxx11::string, double> >",
    "I3GENIEResultDict": (
        "I3Map<__cxx11::string, "
        "boost::variant<int, double, bool, vector<int>, vector<double>, vector<bool> > >"
    ),
    "I3FilterResultMap": "I3Map<__cxx11::string, I3FilterResult>",
    "I3MapKeyVectorDouble": "I3Map<OMKey, vector<double> >",
    "I3MapKeyVectorInt": "I3Map<OMKey, vector<int> >",
    "I3MapKeyDouble": "I3Map<OMKey, double>",
    "I3MapKeyUInt": "I3Map<OMKey, unsigned int>",
    "I3MapUnsignedUnsigned": "I3Map<unsigned int, unsigned int>",
    "I3MapUnsignedDouble": "I3Map<unsigned int, double>",
    "I3MapUShortUShort": "I3Map<unsigned short, unsigned short>",
    "I3MapIntVectorInt": "I3Map<int, vector<int> >",
    "I3MapTriggerDouble": "I3Map<TriggerKey, double>",
    "I3MapTriggerUInt": "I3Map<TriggerKey, unsigned int>",
    "I3MapTriggerVectorUInt": "I3Map<TriggerKey, vector<unsigned int> >",
    "I3MapModuleKeyString": "I3Map<ModuleKey, __cxx11::string >",
    "I3MapI3ParticleIDDouble": "I3Map<I3ParticleID, double>",
    "I3TimeWindowSeriesMap": "I3Map<OMKey, I3TimeWindowSeries>",
    "I3RecoPulseSeriesMap": "I3Map<OMKey, vector<I3RecoPulse> >",
    "I3RecoPulseMap": "I3Map<OMKey, I3RecoPulse>",
    "I3WaveformSeriesMap": "I3Map<OMKey, vector<I3Waveform> >",
    "I3RecoHitSeriesMap": "I3Map<OMKey, vector<I3RecoHit> >",
    "I3DOMLaunchSeriesMap": "I3Map<OMKey, vector<I3DOMLaunch> >",
    "I3TWRLaunchSeriesMap": "I3Map<OMKey, vector<I3TWRLaunch> >",
    "I3AMANDAAnalogReadoutMap": "I3Map<OMKey, I3AMANDAAnalogReadout>",
    "I3StationHitMap": "I3Map<int, I3StationHit>",
    "I3OMGeoMap": "I3Map<OMKey, I3OMGeo>",
    "I3ModuleGeoMap": "I3Map<ModuleKey, I3ModuleGeo>",
    "I3StationGeoMap": "I3Map<int, I3Vector<I3TankGeo> >",
    "I3FlasherStatusMap": "I3Map<OMKey, I3FlasherStatus>",
    "I3MCHitSeriesMap": "I3Map<OMKey, vector<I3MCHit> >",
    "I3MCPESeriesMap": "I3Map<OMKey, vector<I3MCPE> >",
    "I3MCPulseSeriesMap": "I3Map<OMKey, vector<I3MCPulse> >",
    "I3CompressedPhotonSeriesMap": "I3Map<ModuleKey, I3Vector<I3CompressedPhoton> >",
    "I3PhotonSeriesMap": "I3Map<ModuleKey, I3Vector<I3Photon> >",
    "I3DEggLaunchSeriesMap": "I3Map<OMKey, vector<I3DEggLaunch> >",
    "I3mDOMLaunchSeriesMap": "I3Map<OMKey, vector<I3mDOMLaunch> >",
    "I3LOMLaunchSeriesMap": "I3Map<OMKey, vector<I3LOMLaunch> >",
    "I3XDOMHitSeriesMap": "I3Map<OMKey, vector<I3XDOMHit> >",
    "I3NoiseSuppressionRecordSeriesMap": "I3Map<OMKey, vector<I3NoiseSuppressionRecord> >",
    "I3PMTCalMap": "I3Map<OMKey, I3PMTCal>",
    "I3DEggCalMap": "I3Map<OMKey, I3DEggCal>",
    "I3mDOMCalMap": "I3Map<OMKey, I3mDOMCal>",
    "I3DEggStatusMap": "I3Map<OMKey, I3DEggStatus>",
    "I3mDOMStatusMap": "I3Map<OMKey, I3mDOMStatus>",
    "I3ScintGeoMap": "I3Map<ScintKey, I3ScintGeo>",
    "I3AntennaGeoMap": "I3Map<AntennaKey, I3AntennaGeo>",
    "I3IceActGeoMap": "I3Map<IceActKey, I3IceActGeo>",
    "I3IceActPixelPositionMap": "I3Map<unsigned int, I3Position>",
    "I3IceTopSLCCalibrationMap": "I3Map<OMKey, I3IceTopSLCCalibration>",
    "AntennaTimeSeries": "I3AntennaWaveform<double>",
    "AntennaSpectrum": "I3AntennaWaveform<complex<double> >",
    "EFieldTimeSeries": "I3AntennaWaveform<I3Position>",
    "EFieldSpectrum": "I3AntennaWaveform<I3ComplexVector>",
    "AntennaTimeSeriesMap": "I3Map<AntennaKey, I3AntennaWaveform<double> >",
    "AntennaSpectrumMap": "I3Map<AntennaKey, I3AntennaWaveform<complex<double> > >",
    "EFieldTimeSeriesMap": "I3Map<AntennaKey, I3AntennaWaveform<I3Position> >",
    "EFieldSpectrumMap": "I3Map<AntennaKey, I3AntennaWaveform<I3ComplexVector> >",
    "FFTData": "FFTDataContainer<double, complex<double> >",
    "FFTData3D": "FFTDataContainer<I3Position, I3ComplexVector>",
    "FFTDataMap": "I3Map<AntennaKey, FFTDataContainer<double, complex<double> > >",
    "FFTData3DMap": "I3Map<AntennaKey, FFTDataContainer<I3Position, I3ComplexVector> >",
    "I3AntennaChannelMap": "I3Map<int, I3AntennaChannel>",
    "I3AntennaDataMap": "I3Map<AntennaKey, I3Map<int, I3AntennaChannel> >",
    "I3AntennaCalMap": "I3Map<AntennaKey, I3AntennaCal>",
    "I3ScintRecoPulseSeriesMap": "I3Map<ScintKey, vector<I3RecoPulse> >",
    "I3IceActWaveform": "I3Map<unsigned int, vector<I3Waveform> >",
    "I3IceActRecoPulseSeries": "I3Map<unsigned int, vector<I3RecoPulse> >",
    "I3IceActBoolMap": "I3Map<IceActKey, bool>",
    "I3IceActIntMap": "I3Map<IceActKey, int>",
    "I3IceActUnsignedMap": "I3Map<IceActKey, unsigned int>",
    "I3IceActDoubleMap": "I3Map<IceActKey, double>",
    "I3IceActStringMap": "I3Map<IceActKey, I3PODHolder<__cxx11::string > >",
    "I3IceActTelescopePixelUnsignedMap": "I3Map<IceActKey, I3Map<unsigned int, unsigned int> >",
    "I3IceActTelescopePixelDoubleMap": "I3Map<IceActKey, I3Map<unsigned int, double> >",
    "I3IceActTelescopePixelVectorIntMap": "I3Map<IceActKey, I3Map<int, vector<int> > >",
    "I3IceActTelescopeStringDoubleMap": "I3Map<IceActKey, I3Map<__cxx11::string, double> >",
    "I3IceActTriggerMap": "I3Map<IceActKey, I3Trigger>",
    "I3IceActWaveformMap": "I3Map<IceActKey, I3Map<unsigned int, vector<I3Waveform> > >",
    "I3IceActRecoPulseSeriesMap": "I3Map<IceActKey, I3Map<unsigned int, vector<I3RecoPulse> > >",
    "I3PortiaPulseMap": "I3Map<OMKey, I3PortiaPulse>",
    "I3ParticleIntersectionsSeries": "I3Vector<I3ParticleIntersections>",
    "I3VectorOMKeyPair": "I3Vector<OMKeyPair>",
    "I3ShowerBiasMap": "I3Map<I3ParticleID, I3ShowerBias>",
    "I3MCNKGInfoList": "I3Vector<I3MCNKGPoint>",
    "I3ParticleIDMap": "I3Map<OMKey, map<I3ParticleID, vector<unsigned int> > >",
    "I3CylinderMap": "I3Map<OMKey, I3ExtraGeometryItemCylinder>",
}


def type_name(export_name: str) -> str:
    """Return the C++ type name that IceTray writes into a frame beside an object of this class.

    Nothing reads it back but listings; `export_name` itself, for classes that are no templates.

    Examples
    --------
    >>> type_name("I3RecoPulseSeriesMap"), type_name("I3Particle")
    ('I3Map<OMKey, vector<I3RecoPulse> >', 'I3Particle')
    """
    return _SPELLING.get(export_name, export_name)
