"""Layouts of what describes an event, a file and its processing."""

from __future__ import annotations

from typing import Final

from icecol.i3.classes.basic import mapping
from icecol.i3.classes.layout import Class, Enum, Field, Map, Pointer, Vector, frame_object

STATE: Final = Enum(
    "I3EventHeader::DetectorConfigurationState",
    (("UNKNOWN_STATE", 0), ("OK", 20), ("CONFIG_IN_TRANSITION", 40)),
)
UNSET: Final = 2**32 - 1
"""Number of a run, sub-run or event that is not set."""

I3EventHeader = frame_object(
    "I3EventHeader",
    3,
    Field("run_id", "u32", doc="run number", default=UNSET),
    Field("sub_run_id", "u32", doc="number of the configuration in the run", since=1, default=UNSET),
    Field("event_id", "u32", doc="event number in the run", default=UNSET),
    Field("state", STATE, doc="state of the detector configuration", since=2, default=20),
    Field("sub_event_id", "u32", doc="number of the sub-event in the event", since=3),
    Field("sub_event_stream", "str", doc="name of the splitter that made the sub-event", since=3),
    Field("start_time", "I3Time", doc="start of the readout"),
    Field("end_time", "I3Time", doc="end of the readout"),
    doc="Identity and time of an event.",
)

I3FilterResult = frame_object(
    "I3FilterResult",
    0,
    Field("condition_passed", "bool", doc="the event fulfils the filter's condition"),
    Field("prescale_passed", "bool", doc="the event was kept by the filter's prescale"),
    doc="Outcome of a filter.",
)

I3ConfigurationImpl = Class(
    "I3ConfigurationImpl",
    2,
    (
        Field("parameters", Pointer("I3ConfigurationImpl::parameters"), doc="the parameters"),
        Field("outboxes", Map("str", "str"), doc="where its frames go next", since=2),
        Field("class_name", "str", doc="class of the module or service"),
        Field("instance_name", "str", doc="name of the module or service"),
    ),
    doc="Configuration of a module or service.",
)
I3Configuration = Class(
    "I3Configuration",
    0,
    (Field("", Pointer("I3ConfigurationImpl", shared=False), doc="the configuration"),),
    doc="Configuration of a module or service.",
)
I3TrayInfo = frame_object(
    "I3TrayInfo",
    2,
    Field("host_info", Map("str", "str"), doc="the machine and the user"),
    Field("svn_url", "str", doc="where the software comes from"),
    Field("svn_externals", "str", doc="projects of the software"),
    Field("svn_revision", "u32", doc="revision of the software"),
    Field("modules_in_order", Vector("str"), doc="names of the modules, in the order of execution"),
    Field("factories_in_order", Vector("str"), doc="names of the services, in the order of installation"),
    Field("module_configs", Map("str", Pointer("I3Configuration")), doc="configuration of each module"),
    Field("factory_configs", Map("str", Pointer("I3Configuration")), doc="configuration of each service"),
    doc="How a file was processed: software, modules, parameters.",
)

CLASSES: Final = (
    I3EventHeader,
    I3FilterResult,
    mapping("I3FilterResultMap", "str", "I3FilterResult", "Outcome of every filter."),
    frame_object(
        "I3Filter", 0, Field("value", "i32", doc="name unknown"), doc="Bits of filters, of the AMANDA era."
    ),
    I3ConfigurationImpl,
    I3Configuration,
    I3TrayInfo,
)
