from __future__ import annotations

import pytest

from icecol import errors
from icecol.errors import (
    DamagedFileError,
    FormatError,
    IcecolError,
    MissingColumnError,
    did_you_mean,
    naming,
    needs,
)

BUILTINS = {
    "FormatError": ValueError,
    "DamagedFileError": ValueError,
    "UnsupportedError": ValueError,
    "SchemaError": TypeError,
    "MissingColumnError": KeyError,
    "UnknownStreamError": ValueError,
    "GeometryError": LookupError,
    "DatasetError": ValueError,
    "MissingFactError": LookupError,
    "KernelError": RuntimeError,
    "TrayError": RuntimeError,
    "WorkerError": RuntimeError,
    "JobError": ValueError,
    "MissingDependencyError": ImportError,
}


def test_every_error_is_icecols_and_a_builtin_one():
    assert {*BUILTINS, "IcecolError"} == set(errors.__all__)
    for name, builtin in BUILTINS.items():
        assert issubclass(getattr(errors, name), IcecolError), name
        assert issubclass(getattr(errors, name), builtin), name
    assert issubclass(DamagedFileError, FormatError)


def test_the_docstring_has_the_whole_tree():
    assert all(f"{name} " in errors.__doc__ for name in BUILTINS if name != "DamagedFileError")


def test_the_message_of_a_missing_column_has_no_quotes_around_it():
    assert str(MissingColumnError("no column 'a'")) == "no column 'a'"
    assert str(MissingColumnError()) == ""


def test_a_file_is_named_once():
    with pytest.raises(DamagedFileError, match=r"^a\.i3: cut$") as one, naming("a.i3"), naming("a.i3"):
        raise DamagedFileError(*["cut"])
    assert isinstance(one.value.__cause__, DamagedFileError)
    with pytest.raises(ZeroDivisionError, match=r"^not icecol's$"), naming("a.i3"):
        raise ZeroDivisionError(*["not icecol's"])


@pytest.mark.parametrize(
    ("name", "names", "told"),
    [
        ("zenit", ["zenith", "azimuth"], "did you mean 'zenith'?"),
        ("zenith", ["LineFit.zenith", "SPEFit.zenith"], "did you mean 'LineFit.zenith' or 'SPEFit.zenith'?"),
        ("x", ["b", "a", "b"], "keys: 'a', 'b'"),
        ("x", [], "there are no keys"),
        ("qqq", [f"k{i}" for i in range(8)], "keys: " + ", ".join(f"'k{i}'" for i in range(8))),
        ("qqq", [f"k{i}" for i in range(9)], "none of the 9 keys is similar"),
    ],
)
def test_similar_names_are_suggested_or_all_listed_if_few(name, names, told):
    assert did_you_mean(name, names, "keys") == told


def test_a_missing_library_is_told_with_how_to_install_it():
    error = needs("scipy", "stats", "icecol.stats")
    assert isinstance(error, ImportError)
    assert str(error) == "icecol.stats needs scipy: pip install scipy, or icecol with its extra [stats]"
