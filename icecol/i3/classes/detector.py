"""Layouts of geometry, calibration and detector status."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import fields, mapping, vector
from icecol.i3.classes.layout import CArray, Class, Enum, Field, Map, Pointer, Vector, frame_object

OM_TYPE: Final = Enum(
    "I3OMGeo::OMType",
    (
        ("UnknownType", 0),
        ("AMANDA", 10),
        ("IceCube", 20),
        ("IceTop", 30),
        ("Scintillator", 40),
        ("IceAct", 50),
        ("Camera", 60),
        ("PDOM", 110),
        ("DEgg", 120),
        ("mDOM", 130),
        ("WOM", 140),
        ("FOM", 150),
        ("DMIce", 160),
        ("LOM", 170),
        ("LOM16", 171),
        ("LOM18", 172),
        ("RadioReciever", 180),
        ("POCAM", 200),
        ("PencilBeam", 210),
        ("RadioEmitter", 220),
        ("AcousticEmitter", 230),
        ("AbaloneHub", 240),
        ("FibreComm", 250),
    ),
)
PMT_TYPE: Final = Enum(
    "I3OMGeo::PMTType",
    (
        ("UnknownPMT", 0),
        ("Standard", 1),
        ("HighQE", 2),
        ("DEggPMT", 10),
        ("mDOMPMT", 20),
        ("LOMPMT", 30),
        ("LOMPMT2", 31),
    ),
)
OLD_ORIENTATION: Final = Enum("OMOrientation", (("Unspecified", 0), ("Up", 1), ("Down", -1)))
TANK_TYPE: Final = Enum("I3TankGeo::TankType", (("NotSet", 0), ("Tyvek_Lined", 1), ("Zirconium_Lined", 2)))
ICEACT_TYPE: Final = Enum(
    "I3IceActGeo::IceActType",
    (("Unknown", 0), ("drs_2019", 1), ("target_C", 2), ("drs_2019_64", 3), ("simulation", 4)),
)
SCINT_TYPE: Final = Enum("I3ScintGeo::ScintType", (("Unknown", 0), ("KIT", 1), ("MAD", 2), ("MADKIT", 3)))
PLAIN: Final = Enum("enum", ())
"""An enumeration whose names are not known here."""

I3OMGeo = Class(
    "I3OMGeo",
    2,
    (
        Field("position", "I3Position", doc="position", flat=""),
        Field("old_orientation", OLD_ORIENTATION, doc="whether it faces up or down", until=1),
        Field("orientation", "I3Orientation", doc="orientation", since=1),
        Field("omtype", OM_TYPE, doc="kind of module"),
        Field("area", "f64", "m^2", "area of the PMT"),
        Field("azimuth_angle", "f64", "rad", "azimuth angle", until=1),
        Field("pmttype", PMT_TYPE, doc="kind of PMT", since=2),
    ),
    doc="Position, orientation and type of a PMT.",
)
I3ModuleGeo = frame_object(
    "I3ModuleGeo",
    1,
    Field("module_type", OM_TYPE, doc="kind of module"),
    Field("pos", "I3Position", doc="position", flat=""),
    Field("orientation", "I3Orientation", doc="orientation"),
    Field("radius", "f64", "m", "radius", until=1),
    Field("r_radius", "f64", "m", "radius across", since=1),
    Field("z_radius", "f64", "m", "radius along its axis", since=1),
    Field("height", "f64", "m", "height of the cylinder between the half spheres", since=1),
    doc="Position, orientation and size of a module.",
)
I3TankGeo = Class(
    "I3TankGeo",
    2,
    (
        Field("position", "I3Position", doc="position", flat=""),
        Field("orientation", "f64", "rad", "orientation"),
        Field("tankradius", "f64", "m", "radius"),
        Field("tankheight", "f64", "m", "height"),
        Field("fillheight", "f64", "m", "height of the ice"),
        Field("omkey_list", "I3VectorOMKey", doc="its modules", since=1),
        Field("snowheight", "f64", "m", "height of the snow on it", since=2),
        Field("tanktype", TANK_TYPE, doc="kind of lining", since=2),
    ),
    doc="An IceTop tank.",
)
I3ScintGeo = Class(
    "I3ScintGeo",
    0,
    (
        Field("position", "I3Position", doc="position", flat=""),
        Field("orientation", "I3Orientation", doc="orientation"),
        Field("scint_type", SCINT_TYPE, doc="kind of panel"),
        Field("height_above_snow", "f64", "m", "height above the snow"),
        Field("scint_name", "str", doc="name"),
    ),
    doc="A scintillator panel.",
)
I3AntennaGeo = Class(
    "I3AntennaGeo",
    1,
    (
        Field("position", "I3Position", doc="position", flat=""),
        Field("orientation", "I3Orientation", doc="orientation"),
        Field("antenna_type", "i32", doc="kind of antenna", until=1),
        Field("height_above_snow", "f64", "m", "height above the snow"),
        Field("antenna_name", "str", doc="name"),
        Field("cable_length", "f64", "m", "length of the cable", until=1),
    ),
    doc="A radio antenna.",
)
I3IceActGeo = Class(
    "I3IceActGeo",
    0,
    (
        Field("position", "I3Position", doc="position", flat=""),
        Field("orientation", "I3Orientation", doc="orientation"),
        Field("iceact_type", ICEACT_TYPE, doc="kind of camera"),
        Field("iceact_name", "str", doc="name"),
        Field("numberof_pixels", "i32", doc="number of pixels"),
        Field("pixel_size", "f32", "rad", "size of a pixel"),
        Field("pixelsto_channels", "I3MapUnsignedUnsigned", doc="channel of each pixel"),
        Field("pixel_positions", "I3IceActPixelPositionMap", doc="position of each pixel"),
    ),
    doc="An IceAct telescope.",
)
I3Geometry = frame_object(
    "I3Geometry",
    3,
    Field("omgeo", Map("OMKey", "I3OMGeo"), doc="PMTs", until=1),
    Field("stationgeo", Map("i32", Vector("I3TankGeo")), doc="tanks of each IceTop station", until=1),
    Field("omgeo", "I3OMGeoMap", doc="PMTs", since=1),
    Field("stationgeo", "I3StationGeoMap", doc="tanks of each IceTop station", since=1),
    Field("scintgeo", "I3ScintGeoMap", doc="scintillator panels", since=2),
    Field("antennageo", "I3AntennaGeoMap", doc="radio antennas", since=2),
    Field("iceactgeo", "I3IceActGeoMap", doc="IceAct telescopes", since=2),
    Field("snow_height_provenance", PLAIN, doc="where the snow heights come from", since=3),
    Field("start_time", "I3Time", doc="valid from"),
    Field("end_time", "I3Time", doc="valid until"),
    doc="Where everything is.",
)

LinearFit = Class(
    "LinearFit",
    0,
    (Field("slope", "f64", doc="slope"), Field("intercept", "f64", doc="intercept")),
    doc="A line.",
)
QuadraticFit = Class(
    "QuadraticFit",
    0,
    (
        Field("quad_fit_a", "f64", doc="constant term"),
        Field("quad_fit_b", "f64", doc="linear term"),
        Field("quad_fit_c", "f64", doc="quadratic term"),
    ),
    doc="A parabola.",
)
TauParam = Class(
    "TauParam",
    0,
    (
        *(Field(f"p{i}", "f64", doc=f"parameter {i}") for i in range(6)),
        Field("tau_frac", "f64", doc="fraction of the first time constant"),
    ),
    doc="Parameters of the droop's time constants.",
)
PDF: Final = Class(
    "SPEChargeDistribution::PDF", 0, (), doc="Base of the components of a charge distribution.", abstract=True
)
GAUSSIAN: Final = Class(
    "SPEChargeDistribution::Gaussian",
    0,
    (
        Field("amplitude", "f64", doc="amplitude"),
        Field("mean", "f64", "PE", "mean"),
        Field("sigma", "f64", "PE", "standard deviation"),
    ),
    doc="A Gaussian component of a charge distribution.",
)
EXPONENTIAL: Final = Class(
    "SPEChargeDistribution::Exponential",
    0,
    (Field("amplitude", "f64", doc="amplitude"), Field("width", "f64", "PE", "decay constant")),
    doc="An exponential component of a charge distribution.",
)
RESIDUALS: Final = Class(
    "SPEChargeDistribution::Residuals",
    0,
    (Field("x", Vector("f64"), "PE", "charges"), Field("y", Vector("f64"), doc="residuals")),
    doc="Residuals of a charge distribution with respect to its components.",
)
SPEChargeDistribution = Class(
    "SPEChargeDistribution",
    4,
    (
        *(
            Field(name, "f64", unit, doc, since=1, until=2)
            for name, unit, doc in (
                ("exp_amp", "", "amplitude of the exponential"),
                ("exp_width", "PE", "decay constant of the exponential"),
                ("gaus_amp", "", "amplitude of the Gaussian"),
                ("gaus_mean", "PE", "mean of the Gaussian"),
                ("gaus_width", "PE", "standard deviation of the Gaussian"),
            )
        ),
        *(
            Field(name, "f64", unit, doc, since=2, until=3)
            for name, unit, doc in (
                ("exp2_amp", "", "amplitude of the second exponential"),
                ("exp2_width", "PE", "decay constant of the second exponential"),
                ("exp1_amp", "", "amplitude of the first exponential"),
                ("exp1_width", "PE", "decay constant of the first exponential"),
                ("compensation_factor", "", "compensation factor"),
                ("slc_gaus_mean", "PE", "mean of the Gaussian without local coincidence"),
                ("gaus_amp", "", "amplitude of the Gaussian"),
                ("gaus_mean", "PE", "mean of the Gaussian"),
                ("gaus_width", "PE", "standard deviation of the Gaussian"),
            )
        ),
        Field(
            "pdfs",
            Vector(Pointer(PDF.name, derived=(GAUSSIAN.name, EXPONENTIAL.name))),
            doc="components of the distribution",
            since=3,
        ),
        Field("compensation_factor", "f64", doc="compensation factor", since=3),
        Field("fadc_charge_scale", "f64", doc="scale of charges from the FADC", since=3),
        Field("residuals", Pointer(RESIDUALS.name), doc="residuals of the components", since=3),
        Field("upper_limit", "f64", "PE", "upper end of the distribution", since=4),
    ),
    doc="Charge distribution of a single photoelectron.",
)
BINS: Final = 128
I3DOMCalibration = Class(
    "I3DOMCalibration",
    13,
    (
        Field("temperature", "f64", "K", "temperature"),
        Field("fadc_gain", "f64", doc="FADC gain"),
        Field("fadc_baseline_fit", "LinearFit", doc="FADC baseline"),
        Field("fadc_delta_t", "f64", "ns", "FADC time offset", since=1),
        Field("atwd_gain", Map("u32", "f64"), doc="gain of each ATWD channel", until=4),
        Field("atwd_gain", CArray("f64", 3), doc="gain of each ATWD channel", since=4),
        Field("atwd_freq_fit", Map("u32", "QuadraticFit"), doc="sampling rate of each ATWD", until=4),
        Field("atwd_freq_fit", CArray("QuadraticFit", 2), doc="sampling rate of each ATWD", since=4),
        *(
            Field(
                f"atwd{i}_bin_parameters",
                of,
                doc=f"voltage in each bin of ATWD {i}",
                since=since,
                until=until,
            )
            for of, since, until in (
                (Map("u32", Map("u32", "LinearFit")), 0, 4),
                (CArray(CArray("LinearFit", BINS), 3), 4, 11),
            )
            for i in range(2)
        ),
        Field(
            "atwd_bin_calib_slope",
            CArray(CArray(CArray("f64", BINS), 3), 2),
            doc="voltage per count in each ATWD, channel and bin",
            since=11,
        ),
        Field("transit_time", "LinearFit", doc="transit time of the PMT"),
        Field("hv_gain_fit", "LinearFit", doc="gain against high voltage"),
        Field("front_end_impedance", "f64", doc="impedance of the front end", since=2),
        Field("dom_cal_version", "str", doc="version of the calibration program", since=2, default="unknown"),
        Field("tau_parameters", "TauParam", doc="droop", since=3),
        Field(
            "atwd_baselines",
            CArray(CArray(CArray("f64", BINS), 3), 2),
            doc="ATWD baselines",
            since=3,
            until=11,
        ),
        Field("atwd_response_width", "f64", doc="width of the ATWD response", since=3, until=11),
        Field("fadc_response_width", "f64", doc="width of the FADC response", since=3, until=11),
        Field("atwd_delta_t", CArray("f64", 2), "ns", "time offset of each ATWD", since=5),
        Field("spe_disc_calib", "LinearFit", doc="single-photon discriminator", since=6),
        Field("mpe_disc_calib", "LinearFit", doc="multi-photon discriminator", since=6),
        Field("pmt_disc_calib", "LinearFit", doc="discriminator in charges", since=7),
        Field("relative_dom_eff", "f64", doc="efficiency relative to the nominal one", since=8),
        Field("dom_noise_rate", "f64", "1/ns", "noise rate", since=8),
        Field("atwd_beacon_baseline", CArray(CArray("f64", 3), 2), "counts", "ATWD baselines", since=9),
        Field("fadc_beacon_baseline", "f64", "counts", "FADC baseline", since=9),
        Field("dom_noise_thermal_rate", "f64", "1/ns", "rate of thermal noise", since=10),
        Field("dom_noise_decay_rate", "f64", "1/ns", "rate of decays", since=10),
        Field(
            "dom_noise_scintillation_mean",
            "f64",
            doc="mean of log10 of the times between hits of a decay",
            since=10,
        ),
        Field("dom_noise_scintillation_sigma", "f64", doc="standard deviation of the same", since=10),
        Field("dom_noise_scintillation_hits", "f64", doc="mean number of hits per decay", since=10),
        Field(
            "combined_spe_charge_distribution",
            "SPEChargeDistribution",
            doc="charge of a photoelectron",
            since=11,
        ),
        Field(
            "mean_atwd_charge",
            "f64",
            "PE",
            "mean charge of a photoelectron in the ATWD; NaN if not valid",
            since=11,
        ),
        Field(
            "mean_fadc_charge",
            "f64",
            "PE",
            "mean charge of a photoelectron in the FADC; NaN if not valid",
            since=11,
        ),
        Field(
            "is_mean_atwd_charge_valid", "bool", doc="whether that of the ATWD is valid", since=11, until=12
        ),
        Field(
            "is_mean_fadc_charge_valid", "bool", doc="whether that of the FADC is valid", since=11, until=12
        ),
        Field("dom_cal_time", "I3Time", doc="time of the calibration", since=13),
    ),
    doc="Calibration of a DOM.",
)
I3VEMCalibration = Class(
    "I3VEMCalibration",
    0,
    (
        Field("pe_per_vem", "f64", "PE", "charge of a vertical muon"),
        Field("mu_peak_width", "f64", "PE", "width of the muon peak"),
        Field("hglg_cross_over", "f64", "PE", "charge at the crossover from high to low gain"),
        Field("corr_factor", "f64", doc="correction factor"),
    ),
    doc="Calibration of an IceTop DOM.",
)


TANK_CALIBRATION: Final = Class(
    "I3TankCalibrationBackwardsCompat",
    0,
    fields(
        "f64",
        ("avg_muon_pe", "PE", "mean charge of a muon"),
        ("avg_muon_risetime", "ns", "mean rise time of a muon"),
        ("avg_muon_width", "ns", "mean width of a muon"),
    ),
    doc="Calibration of an IceTop tank, of an early era.",
)
AMANDA: Final = (
    Class(
        "I3AMANDAOM_XTalk",
        0,
        (
            Field("receiver", "OMKey", doc="module that sees the crosstalk"),
            *fields(
                "f64",
                ("timehigh", "ns", "end of the crosstalk"),
                ("timelow", "ns", "start of the crosstalk"),
                ("width", "ns", "width"),
                ("threshold", "", "threshold"),
            ),
        ),
        doc="Crosstalk between AMANDA modules.",
    ),
    Class(
        "I3AMANDAOMCalibration",
        0,
        (
            *fields(
                "f64",
                ("adc_a0", "", "amplitude: offset"),
                ("adc_beta", "", "amplitude: slope"),
                ("tdc_alpha", "", "time: slewing"),
                ("tdc_beta", "", "time: slope"),
                ("tdc_t0", "ns", "time: offset"),
            ),
            Field("tdc_pol", "i32", doc="time: sign"),
            Field("tot_beta", "f64", doc="time over threshold: slope"),
            Field("tot_tot0", "f64", "ns", "time over threshold: offset"),
            Field("tot_pol", "i32", doc="time over threshold: sign"),
            *fields(
                "f64",
                *((f"omo_{i}", "", f"optical amplitude: coefficient {i}") for i in "abcde"),
                ("omo_lowlim", "", "optical amplitude: lower end"),
                ("omo_highlim", "", "optical amplitude: upper end"),
                ("pe_area", "", "area of a photoelectron"),
            ),
            Field("xtalk_receivers", Vector("I3AMANDAOM_XTalk"), doc="modules that see crosstalk from it"),
        ),
        doc="Calibration of an AMANDA module.",
    ),
    Class(
        "TWRXTCal",
        0,
        (
            Field("spe_net_charge_cut", "f64", doc="cut on the charge"),
            Field("charge_vs_ampl_cut", "LinearFit", doc="cut on charge against amplitude"),
            *fields(
                "f64",
                ("start_bin_cut", "", "cut on the first bin"),
                ("end_bin_cut", "", "cut on the last bin"),
                ("amplitude_cut", "", "cut on the amplitude"),
                ("inv_amplitude_cut", "", "cut on the inverse amplitude"),
            ),
        ),
        doc="Cuts against crosstalk of an AMANDA module.",
    ),
    Class(
        "TWRCalibration",
        0,
        (
            Field("pe_area", "f64", doc="area of a photoelectron"),
            Field("twr_t0", "f64", "ns", "time offset"),
            Field("xtcal", "TWRXTCal", doc="cuts against crosstalk"),
        ),
        doc="Calibration of the digital readout of an AMANDA module.",
    ),
    Class(
        "TWRAOMStatus",
        0,
        (
            Field("bin_size", "f64", "ns", "width of a bin"),
            *fields(
                "u32",
                ("stop_delay", "", "delay of the stop"),
                ("baseline", "counts", "baseline"),
                ("threshold", "counts", "threshold"),
            ),
            Field(
                "cable_type",
                Enum("TWRAOMStatus::CableType", (("ELECTRICAL", 0), ("OPTICAL", 10))),
                doc="kind of cable",
            ),
        ),
        doc="Settings of the digital readout of an AMANDA module.",
    ),
)
I3Calibration = frame_object(
    "I3Calibration",
    4,
    Field("dom_cal", Map("OMKey", "I3DOMCalibration"), doc="calibration of each DOM"),
    Field("aom_cal", Map("OMKey", "I3AMANDAOMCalibration"), doc="calibration of AMANDA modules", until=4),
    Field(
        "tank_cal", Map("TankKey", TANK_CALIBRATION.name), doc="calibration of IceTop tanks", since=1, until=2
    ),
    Field("vem_cal", Map("OMKey", "I3VEMCalibration"), doc="calibration of IceTop DOMs", since=2),
    Field("twr_cal", Map("OMKey", "TWRCalibration"), doc="calibration of AMANDA modules", since=3, until=4),
    Field("twr_global_t0", "f64", "ns", "time offset of AMANDA's digital readout", since=3, until=4),
    Field("twr_i3_time_offset", "f64", "ns", "its offset to IceCube", since=3, until=4),
    Field("start_time", "I3Time", doc="valid from"),
    Field("end_time", "I3Time", doc="valid until"),
    doc="Calibration of the detector: from counts to physical quantities.",
)

TRIG_MODE: Final = Enum(
    "I3DOMStatus::TrigMode",
    (("UnknownTrigMode", -1), ("TestPattern", 0), ("CPU", 1), ("SPE", 2), ("Flasher", 3), ("MPE", 4)),
)
LC_MODE: Final = Enum(
    "I3DOMStatus::LCMode",
    (
        ("UnknownLCMode", -1),
        ("LCOff", 0),
        ("UpOrDown", 1),
        ("Up", 2),
        ("Down", 3),
        ("UpAndDown", 4),
        ("SoftLC", 5),
    ),
)
ON_OFF: Final = Enum("I3DOMStatus::OnOff", (("Unknown", -1), ("Off", 0), ("On", 1)))
DOM_GAIN: Final = Enum("I3DOMStatus::DOMGain", (("UnknownGainType", -1), ("High", 0), ("Low", 1)))
CABLE: Final = Enum(
    "I3DOMStatus::CableType", (("UnknownCableType", -1), ("Terminated", 0), ("Unterminated", 1))
)
UNSET: Final = 2**31 - 1
"""A setting that is not known."""
I3DOMStatus = Class(
    "I3DOMStatus",
    6,
    (
        Field("trig_mode", TRIG_MODE, doc="what starts a readout", default=-1),
        Field("lc_mode", LC_MODE, doc="neighbours whose coincidence signals it receives", default=-1),
        Field("lc_window_pre", "f64", "ns", "coincidence window before"),
        Field("lc_window_post", "f64", "ns", "coincidence window after"),
        Field("lc_span", "u32", doc="number of neighbours on each side", default=UNSET),
        Field("status_atwd_a", ON_OFF, doc="ATWD a", default=-1),
        Field("status_atwd_b", ON_OFF, doc="ATWD b", default=-1),
        Field("status_fadc", ON_OFF, doc="FADC", default=-1),
        Field("pmt_hv", "f64", "1e9 V", "high voltage"),
        Field("spe_threshold", "f64", doc="setting (DAC) of the single-photon discriminator"),
        Field("fe_pedestal", "f64", doc="setting (DAC) of the front end's pedestal"),
        Field("dac_trigger_bias_0", "f64", doc="setting of the sampling rate of ATWD 0"),
        Field("dac_trigger_bias_1", "f64", doc="setting of the sampling rate of ATWD 1"),
        Field("dac_fadc_ref", "f64", doc="setting of the FADC baseline"),
        *(Field(f"n_bins_atwd_{i}", "u32", doc=f"bins read from ATWD channel {i}") for i in range(4)),
        Field("n_bins_fadc", "u32", doc="bins read from the FADC"),
        Field("fb_state", ON_OFF, doc="flasher board", default=-1),
        Field("fb_brightness", "u32", doc="brightness of the flasher board", default=UNSET),
        Field("fb_length", "u32", doc="length of a flash", default=UNSET),
        Field("fb_delay", "u32", doc="delay of a flash", default=UNSET),
        Field("fb_mask", "u32", doc="light-emitting diodes, as bits", default=UNSET),
        Field("fb_rate", "u32", doc="rate of flashes", default=UNSET),
        Field("dom_gain_type", DOM_GAIN, doc="gain", since=1, default=-1),
        Field("cable_type", CABLE, doc="cable", since=1, default=-1),
        Field("delta_compress", ON_OFF, doc="delta compression", since=2, default=-1),
        Field("slc_active", "bool", doc="whether it reads out without coincidence", since=3),
        Field("mpe_threshold", "f64", doc="setting (DAC) of the multi-photon discriminator", since=4),
        Field(
            "tx_mode", LC_MODE, doc="neighbours to which it sends coincidence signals", since=6, default=-1
        ),
    ),
    doc="Settings of a DOM.",
)
SUBDETECTOR: Final = Enum(
    "I3TriggerStatus::Subdetector", (("NOT_SPECIFIED", -1), ("ALL", 0), ("ICETOP", 1), ("INICE", 2))
)
I3TriggerReadoutConfig = Class(
    "I3TriggerReadoutConfig",
    0,
    (
        Field("readout_time_minus", "f64", "ns", "readout before the trigger"),
        Field("readout_time_plus", "f64", "ns", "readout after the trigger"),
        Field("readout_time_offset", "f64", "ns", "offset of the readout"),
    ),
    doc="What is read out for a trigger.",
)
I3TriggerStatus = Class(
    "I3TriggerStatus",
    3,
    (
        Field("trigger_name", "str", doc="name"),
        Field("trigger_settings", Map("str", "i32"), doc="settings", until=3),
        Field("trigger_settings", Map("str", "str"), doc="settings", since=3),
        Field("readout_time_minus", "f64", "ns", "readout before the trigger", since=1, until=2),
        Field("readout_time_plus", "f64", "ns", "readout after the trigger", since=1, until=2),
        Field("readout_time_offset", "f64", "ns", "offset of the readout", since=1, until=2),
        Field(
            "readout_settings",
            Map(SUBDETECTOR, "I3TriggerReadoutConfig"),
            doc="what is read out from which part of the detector",
            since=2,
        ),
    ),
    doc="Settings of a trigger.",
)
I3DetectorStatus = frame_object(
    "I3DetectorStatus",
    4,
    Field("dom_status", Map("OMKey", "I3DOMStatus"), doc="settings of each DOM"),
    Field("aom_status", Map("OMKey", "TWRAOMStatus"), doc="settings of AMANDA modules", since=1, until=4),
    Field("trigger_status", Map("TriggerKey", "I3TriggerStatus"), doc="settings of each trigger"),
    Field(
        "amanda_trigger_status",
        Map("TriggerKey", "I3TriggerStatus"),
        doc="settings of AMANDA's triggers",
        since=2,
        until=4,
    ),
    Field("start_time", "I3Time", doc="valid from"),
    Field("end_time", "I3Time", doc="valid until"),
    Field("daq_configuration_name", "str", doc="name of the data-acquisition configuration", since=3),
    doc="Settings of the detector.",
)
I3FlasherStatus = frame_object(
    "I3FlasherStatus",
    1,
    Field("brightness", "i32", doc="brightness setting"),
    Field("window", "i32", doc="width setting"),
    Field("rate", "i32", "Hz", "rate setting"),
    Field("mask", "i32", doc="light-emitting diodes, as bits"),
    Field("delay", "i32", doc="delay setting"),
    doc="Settings of a flasher board.",
)

CLASSES: Final = (
    I3OMGeo,
    mapping("I3OMGeoMap", "OMKey", "I3OMGeo", "Geometry of each PMT."),
    I3ModuleGeo,
    mapping("I3ModuleGeoMap", "ModuleKey", "I3ModuleGeo", "Geometry of each module."),
    I3TankGeo,
    vector("I3StationGeo", "I3TankGeo", "The tanks of an IceTop station."),
    mapping("I3StationGeoMap", "i32", "I3StationGeo", "The tanks of each IceTop station."),
    I3ScintGeo,
    mapping("I3ScintGeoMap", "ScintKey", "I3ScintGeo", "Geometry of each scintillator panel."),
    I3AntennaGeo,
    mapping("I3AntennaGeoMap", "AntennaKey", "I3AntennaGeo", "Geometry of each antenna."),
    I3IceActGeo,
    mapping("I3IceActGeoMap", "IceActKey", "I3IceActGeo", "Geometry of each IceAct telescope."),
    I3Geometry,
    LinearFit,
    QuadraticFit,
    TauParam,
    PDF,
    GAUSSIAN,
    EXPONENTIAL,
    RESIDUALS,
    SPEChargeDistribution,
    I3DOMCalibration,
    I3VEMCalibration,
    TANK_CALIBRATION,
    *AMANDA,
    I3Calibration,
    I3DOMStatus,
    I3TriggerReadoutConfig,
    I3TriggerStatus,
    I3DetectorStatus,
    I3FlasherStatus,
    mapping("I3FlasherStatusMap", "OMKey", "I3FlasherStatus", "Settings of each flasher board."),
)
