"""Frame files: reading them one after another with mixing, and writing them."""

from __future__ import annotations

import errno
import glob
import os
import re
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from weakref import ReferenceType, ref

from icecol.errors import DamagedFileError
from icecol.files import whole
from icecol.i3.container.compression import codec_of, compressor
from icecol.i3.container.scanner import Damage, Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch
from icecol.i3.frames.frame import Frame, Layout, Mixer, Stored
from icecol.i3.pulses.of_frames import BatchPulses
from icecol.places import expanded, is_remote, local, place

MOST_LAYOUTS: Final = 1000
"""Maximum number of remembered sets of keys."""

BATCH_BYTES: Final = 8 << 20
"""How much is read before frames are yielded: larger pieces cost page faults, smaller ones more calls."""

_MESSAGE: Final = re.compile(r"\.json(\.\w+)?$")

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def files_of(paths: Paths) -> list[Path]:
    """Expand a path, a glob pattern such as `Level2_*.i3.zst`, or several of these into a list of files.

    What exists under a name is taken for that file and not for a pattern; `**` stands for folders at any depth. A
    folder of nothing but JSON files (`.json`, `.json.gz`, ...) stands for these.

    Parameters
    ----------
    paths
        One path or pattern, or several.

    Raises
    ------
    FileNotFoundError
        If a file does not exist, or a pattern matches none.
    IsADirectoryError
        If a path is a folder of other files.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    found: list[Path] = []
    for path in paths:
        where = place(path)
        if is_remote(where):
            found += expanded(where)
            continue
        name = os.fspath(path)
        matches = [name] if Path(name).exists() else _matching(name)
        if not matches:
            msg = f"no file {name!r}" + (" matches the pattern" if glob.has_magic(name) else "")
            raise FileNotFoundError(msg)
        for match in map(Path, matches):
            _require_target(match)
            found += _messages_in(match) if match.is_dir() else [match]
    return found


def _matching(pattern: str) -> list[str]:
    """List the files that a pattern matches, each once: under its own name rather than that of a link."""
    found: dict[str, str] = {}
    for name in sorted(glob.glob(pattern, recursive=True), key=lambda n: (Path(n).is_symlink(), n)):  # noqa: PTH207
        found.setdefault(os.path.realpath(name), name)
    return sorted(found.values())


def _require_target(path: Path) -> None:
    """Raise FileNotFoundError for a link without a file at its end."""
    try:
        path.stat()
    except OSError as err:
        if err.errno not in {errno.ELOOP, errno.ENOENT}:
            raise
        where = (
            "back to itself"
            if err.errno == errno.ELOOP
            else f"to {str(path.readlink())!r}, which does not exist"
        )
        msg = f"{str(path)!r} is a link that leads {where}: remove it, or leave it out"
        raise FileNotFoundError(msg) from err


def _messages_in(folder: Path) -> list[Path]:
    """List the files of a folder of realtime alerts."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not inside or not all(path.is_file() and _MESSAGE.search(path.name) for path in inside):
        pattern = os.path.join(folder, "*.i3*")  # noqa: PTH118
        msg = f"{str(folder)!r} is a folder: name the files in it, such as {pattern!r}"
        raise IsADirectoryError(msg)
    return inside


class I3File(Iterator[Frame]):
    """An iterator over the frames of one or several files, in order; made by `open_i3`.

    Attributes
    ----------
    damages : list of (path, Damage)
        Damaged places found so far, if these are skipped.
    path, index : path and int
        File of the latest frame, and the index of the frame in it.
    orphan : bool
        Whether the latest frame is a physics frame whose DAQ frame may have been lost to damage.
    """

    def __init__(self, paths: Paths, *, skip_damaged: bool = False, verify: bool = True) -> None:
        self.paths = files_of(paths)
        self._here = Path.cwd()  # of relative paths, if the working directory changes before they are opened
        self.damages: list[tuple[Path, Damage]] = []
        self.path = self.paths[0] if self.paths else Path()
        self.index = -1
        self.orphan = False
        self._skip = skip_damaged
        self._verify = verify
        self._wanted: set[str] = set()
        self._told: set[Path] = set()
        self._frames = self._read()

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file being read and end the iteration."""
        self._frames.close()

    def _read(self) -> Generator[Frame, None, None]:
        mixer = Mixer()
        for path in self.paths:
            yield from self._read_file(path, mixer)

    def _read_file(self, path: Path, mixer: Mixer) -> Generator[Frame, None, None]:
        stream, file, _ = open_stream(self._found(path), name=str(path))
        foreign = frozenset(mixer.in_force().values())
        layouts: dict[bytes, Layout] = {}
        lost = False  # the current DAQ frame is not known
        with file:
            scanner = Scanner(stream, verify=self._verify, tray=True, batch_bytes=BATCH_BYTES)
            for batch in scanner.batches():
                order = [ord(stop) for stop in mixer.in_force()]
                pulses = BatchPulses(batch, order, foreign, self._wanted)
                given: list[ReferenceType[Stored]] = []
                try:
                    index, orphans = batch.index.tolist(), batch.orphan.tolist()
                    for i, stored in _stored(batch, layouts, checked=self._verify):
                        given.append(ref(stored))
                        if scanner.damages and not self._skip and scanner.damages[0].frame < index[i]:
                            break
                        if orphans[i]:
                            mixer.forget("Q")
                        lost = orphans[i] or (lost and stored.stop != "Q")
                        if not stored.layout.unique:
                            pulses.close()
                            self._tell_twice(path, index[i], stored.layout)
                        frame = mixer.frame(stored)
                        if not lost:
                            frame.share(pulses, i)
                        self.path, self.index, self.orphan = path, index[i], orphans[i]
                        yield frame
                finally:  # the bytes of the batch are about to be overwritten
                    pulses.close()
                    for reference in given:
                        if (alive := reference()) is not None:
                            alive.keep()
                if scanner.damages and not self._skip:
                    break
            if scanner.damages and not self._skip:
                raise DamagedFileError(scanner.damages[0].describe(path))
            self.damages += [(path, damage) for damage in scanner.damages]

    def _found(self, path: Path) -> Path:
        return place(path) if is_remote(path) else self._here / path

    def _tell_twice(self, path: Path, index: int, layout: Layout) -> None:
        """Warn once for each file about keys that are in a frame twice."""
        if path in self._told:
            return
        self._told.add(path)
        seen = Counter(key for key, _ in layout.pairs)
        twice = ", ".join(repr(key) for key, n in seen.items() if n > 1)
        msg = f"{path}: frame {index} has {twice} more than once: the last one counts, and no other is written again"
        warnings.warn(msg, stacklevel=4)


def _stored(batch: Batch, layouts: dict[bytes, Layout], *, checked: bool) -> Iterator[tuple[int, Stored]]:
    """Yield the fresh frames of a batch, each with its number."""
    pairs = batch.names.pairs()
    buf: Any = memoryview(batch.buf)  # type: ignore[arg-type]
    first, begin, end = batch.first.tolist(), batch.begin.tolist(), batch.end.tolist()
    stops, names = batch.stop.tobytes().decode("latin-1"), batch.pair.tobytes()
    at, size = batch.at, batch.size
    for i in range(batch.fresh, len(stops)):
        a, b = first[i], first[i + 1]
        layout = layouts.get(name := names[8 * a : 8 * b])
        if layout is None:
            if len(layouts) > MOST_LAYOUTS:
                layouts.clear()
            layout = layouts[name] = Layout([pairs[j] for j in batch.pair[a:b].tolist()])
        yield i, Stored(stops[i], layout, (buf, begin[i], end[i], at, size, a), checked=checked)


def open_i3(paths: Paths, *, skip_damaged: bool = False, verify: bool = True) -> I3File:
    """Read frames from .i3 files, raw or compressed, one at a time.

    Parameters
    ----------
    paths : str, path, or several
        Files, patterns such as `Level2_*.i3.zst`, or URLs (s3://, https://), which are read by ranges.
        Several are read as one stream, so a GCD file can come first.
    skip_damaged : bool
        Record damaged places in `damages` and continue with the next intact frame. Otherwise `DamagedFileError` is
        raised after all frames before the damage. Physics frames whose DAQ frame may have been lost inherit nothing
        from any DAQ frame.
    verify : bool
        Check the checksum of every frame.

    Returns
    -------
    I3File
        An iterator of `Frame`, and a context manager.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    DamagedFileError
        While reading, at damage; the message names the file, frame and byte offset.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/example.i3.gz"
    >>> frame = Frame("Q")
    >>> frame["Charge"] = 12.5
    >>> write_i3(path, [frame])
    1
    >>> with open_i3(path) as frames:
    ...     [f["Charge"].value for f in frames]
    [12.5]
    """
    return I3File(paths, skip_damaged=skip_damaged, verify=verify)


def write_i3(path: str | os.PathLike[str], frames: Iterable[Frame], *, level: int | None = None) -> int:
    """Write frames to an .i3 file, compressed according to its suffix: .i3, .i3.gz, .i3.bz2, .i3.zst or .i3.xz.

    Only a frame's own objects are written, and untouched ones byte for byte as they were read. The file is written
    under a temporary name and renamed when complete, so an interrupted run leaves no partial file.

    Parameters
    ----------
    path : str or path
        File to write.
    frames : iterable of Frame
        The frames, in order.
    level : int, optional
        Compression level; by default, that of IceTray (gz and bz2 6, zst 11).

    Returns
    -------
    int
        Number of frames written.

    Examples
    --------
    >>> import tempfile
    >>> frame = Frame("P")
    >>> frame["Charge"] = 12.5
    >>> path = f"{tempfile.mkdtemp()}/one.i3.zst"
    >>> write_i3(path, [frame])
    1
    >>> with open_i3(path) as frames:
    ...     [read["Charge"].value for read in frames]
    [12.5]
    """
    n = 0
    with writing(path, level=level) as out:
        for frame in frames:
            out.write(frame.encoded())
            n += 1
    return n


@contextmanager
def writing(path: str | os.PathLike[str], *, level: int | None = None) -> Iterator[Any]:
    """Open an .i3 file to write encoded frames; it appears under its name only if the block succeeds.

    Parameters
    ----------
    path, level
        As for `write_i3`.
    """
    target = local(path)
    codec = codec_of(target)
    with whole(target) as aside, aside.open("wb") as file:
        out = compressor(file, codec, level)
        yield out
        out.close()
