"""The command line, `icecol ...`: arguments, progress and printing; the library does all the work.

Exit codes: 0 success, 1 an error or damaged input, 2 incorrect usage, 130 interrupted.
"""

from __future__ import annotations

from icecol.cli.analysis import cutflow, features, hist, info
from icecol.cli.archive import append, catalogue, compact, remove, replace
from icecol.cli.batch import doctor, merge, plan, run, status, submit
from icecol.cli.compilation import compile_ahead
from icecol.cli.conversion import convert, export, to_i3, verify
from icecol.cli.demos import demo, study
from icecol.cli.display import view
from icecol.cli.filtering import filter_stream
from icecol.cli.frames import browse, inspect
from icecol.cli.program import app, main
from icecol.cli.simulation import simulate

for _command in (
    convert,
    verify,
    append,
    replace,
    remove,
    compact,
    catalogue,
    inspect,
    browse,
    info,
    features,
    cutflow,
    hist,
    export,
    to_i3,
    view,
    simulate,
    plan,
    run,
    status,
    merge,
    submit,
    doctor,
    demo,
    study,
):
    app.command()(_command)
app.command("compile")(compile_ahead)
app.command("filter")(filter_stream)

__all__ = ["app", "main"]
