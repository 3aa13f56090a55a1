"""Files at the ends of a tray: `read` and `write`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from icecol.i3.frames.files import I3File, Paths, files_of, open_i3, writing
from icecol.i3.frames.frame import Frame
from icecol.places import local


@dataclass(frozen=True, slots=True)
class Read:
    """Frames of files, read anew each time they are asked for."""

    paths: tuple[Path, ...]
    skip_damaged: bool
    verify: bool

    def __iter__(self) -> I3File:
        return open_i3(self.paths, skip_damaged=self.skip_damaged, verify=self.verify)


def read(paths: Paths, *, skip_damaged: bool = False, verify: bool = True) -> Read:
    """Read .i3 files, one after another, as the source of a tray; put the GCD file first.

    Parameters
    ----------
    paths, skip_damaged, verify
        As for `open_i3`. With `skip_damaged`, P frames whose Q frame may be lost are left out.

    Raises
    ------
    FileNotFoundError
        No such file.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> path = f"{tempfile.mkdtemp()}/muons.i3.zst"
    >>> ic.sim.write(path, ic.sim.events(3, seed=1))
    >>> [frame.stop for frame in ic.Tray().add(ic.tray.read(path))]
    ['Q', 'P', 'Q', 'P', 'Q', 'P']
    """
    return Read(tuple(files_of(paths)), skip_damaged, verify)


@dataclass(frozen=True, slots=True)
class Write:
    """Write the frames that pass by."""

    path: Path
    stops: frozenset[str] | None
    drop_orphans: frozenset[str]
    level: int | None

    def stream(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Write frames as they are now, and pass them on."""
        waiting: dict[str, bytes] = {}
        with writing(self.path, level=self.level) as out:
            for frame in frames:
                if self.stops is None or frame.stop in self.stops:
                    if frame.stop in self.drop_orphans:
                        waiting.pop(frame.stop, None)
                        waiting[frame.stop] = frame.encoded()
                    else:
                        for data in waiting.values():
                            out.write(data)
                        waiting.clear()
                        out.write(frame.encoded())
                yield frame


def write(
    path: str | Path, *, stops: str | None = None, drop_orphans: str = "", level: int | None = None
) -> Write:
    """Write the frames that come by into an .i3 file, as a module that passes them on.

    The file has its name once all frames have come by; if the run fails it is not there. Each frame is written as it
    is at this place of the tray, its own objects only: untouched ones with the same bytes as they were read.

    Parameters
    ----------
    path
        The file, compressed as its name says.
    stops
        Stop letters of the frames to write, such as "QP"; by default all.
    drop_orphans
        Stops of frames that are not written unless one of another stop follows them: "Q" leaves out the Q frames
        none of whose P frames is left.
    level
        Compression level, as for `write_i3`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> path = f"{tempfile.mkdtemp()}/muons.i3.zst"
    >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(3, seed=1))
    >>> tray = tray.add(lambda frame: frame["I3EventHeader"].event_id == 1)
    >>> summary = tray.add(ic.tray.write(path, drop_orphans="Q")).run()
    >>> [frame["I3EventHeader"].event_id for frame in ic.open_i3(path)]
    [1, 1]
    """
    return Write(local(path), None if stops is None else frozenset(stops), frozenset(drop_orphans), level)
