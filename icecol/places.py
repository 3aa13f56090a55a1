"""Where files are: local paths, or URLs of objects in stores (s3://, https://), which are read and never written.

`place` tells them apart. A `Remote` has those methods of a path that reading needs, so that what reads files takes
either; a local path stays a path. How a store is reached, and by which credentials, the environment says, as for the
AWS command line (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_PROFILE, ...): no credentials are passed on, nor kept.
What is shown or recorded of a URL is without user, password and the values of its query, which may be a signature.
"""

from __future__ import annotations

import io
import os
import re
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, TypeGuard, cast
from urllib.parse import quote, urlsplit, urlunsplit

from icecol import stores
from icecol.errors import UnsupportedError
from icecol.stores import Status, shown

READ: Final = ("s3", "http", "https")
"""Schemes of the URLs that are read."""
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
"""How a URL begins, or what `Path` makes of it."""


def place(name: str | os.PathLike[str]) -> Path:
    """Return a local path, or a `Remote` for a URL; to a type checker both are paths.

    Raises
    ------
    UnsupportedError
        It is a URL of a scheme that is not read.

    Examples
    --------
    >>> place("s3://icecube/level2.icecol") / "manifest.json"
    Remote('s3://icecube/level2.icecol/manifest.json')
    >>> place("https://me:secret@example.org/a.i3.zst?signature=abc")
    Remote('https://example.org/a.i3.zst?signature=…')
    >>> place("data/a.i3.zst") == Path("data/a.i3.zst")
    True
    """
    if isinstance(name, Remote):
        return cast("Path", name)
    text = os.fspath(name)
    found = _URL.match(text)
    if found is None:
        return Path(text)
    scheme, rest = found[1].lower(), text[found.end() :].lstrip("/")
    if scheme == "file":
        return Path("/" + rest)
    if scheme not in READ:
        msg = f"{shown(f'{scheme}://{rest}')} cannot be read: icecol reads local files, s3://, http:// and https://"
        raise UnsupportedError(msg)
    return cast("Path", Remote(f"{scheme}://{rest}"))


def is_remote(name: object) -> TypeGuard[Remote]:
    """Return whether a place is in a store."""
    return isinstance(name, Remote)


def local(name: str | os.PathLike[str], what: str = "write") -> Path:
    """Return a local path that something is written to.

    Raises
    ------
    UnsupportedError
        It is a URL.

    Examples
    --------
    >>> local("s3://icecube/hist.json")
    Traceback (most recent call last):
    icecol.errors.UnsupportedError: cannot write s3://icecube/hist.json: object stores are only read; give a local \
path, and upload what is there afterwards
    """
    found = None if isinstance(name, Remote) else _URL.match(os.fspath(name))
    if found is None and not isinstance(name, Remote):
        return Path(name)
    text = str(name) if found is None else shown(f"{found[1]}://{os.fspath(name)[found.end() :].lstrip('/')}")
    msg = f"cannot {what} {text}: object stores are only read; give a local path, and upload what is there afterwards"
    raise UnsupportedError(msg)


class Remote(os.PathLike[str]):
    """An object in a store, or a folder of them, with the methods of a path that reading needs.

    Parameters
    ----------
    url
        Its URL.
    status
        What is known about it, as from a listing.

    Examples
    --------
    >>> one = Remote("s3://icecube/2016/Level2.i3.zst")
    >>> one.name, one.suffix, str(one.parent)
    ('Level2.i3.zst', '.zst', 's3://icecube/2016')
    """

    __slots__ = ("_status", "url")

    def __init__(self, url: str, status: Status | None = None) -> None:
        self.url = url
        """The URL with all that is in it: never to be shown or recorded."""
        self._status = status

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        return None, {"url": self.url, "_status": self._status}

    def __str__(self) -> str:
        return shown(self.url)

    def __repr__(self) -> str:
        return f"Remote({str(self)!r})"

    def __fspath__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __lt__(self, other: Remote) -> bool:
        return self.url < other.url

    def __truediv__(self, name: str | os.PathLike[str]) -> Remote:
        if isinstance(name, Remote):
            return name
        more = os.fspath(name)
        parts = urlsplit(self.url)
        if parts.scheme != "s3":
            more = quote(more)
        return Remote(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{more}")))

    @property
    def scheme(self) -> str:
        """Its protocol: `s3`, `http` or `https`."""
        return urlsplit(self.url).scheme

    @property
    def is_secret(self) -> bool:
        """Whether its URL has something in it that is not shown."""
        return shown(self.url) != self.url

    @property
    def _path(self) -> PurePosixPath:
        return PurePosixPath(urlsplit(self.url).path)

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self._path.name

    @property
    def suffix(self) -> str:
        """Ending of its name, as in `.zst`."""
        return self._path.suffix

    @property
    def stem(self) -> str:
        """Its name without that ending."""
        return self._path.stem

    @property
    def parent(self) -> Remote:
        """The folder that it is in."""
        return Remote(urlunsplit(urlsplit(self.url)._replace(path=str(self._path.parent))))

    @property
    def parents(self) -> list[Remote]:
        """The folders that it is in, the innermost first."""
        parts = urlsplit(self.url)
        return [Remote(urlunsplit(parts._replace(path=str(path)))) for path in self._path.parents]

    def absolute(self) -> Remote:
        """Return itself: a URL depends on no working directory."""
        return self

    def stat(self, *, fresh: bool = False) -> Status:
        """Return what the store says of it: asked once, unless `fresh`.

        Raises
        ------
        FileNotFoundError, PermissionError, OSError
            There is no such object, it may not be read, or the store cannot be reached.
        """
        if fresh or self._status is None:
            self._status = stores.status(self.url)
        return self._status

    def exists(self) -> bool:
        """Return whether there is such an object; folders are none."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_file(self) -> bool:
        """Return whether there is such an object."""
        return self.exists()

    def is_dir(self) -> bool:
        """Return False: stores have no folders, but names with slashes in them."""
        return False

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def open(self, mode: str = "rb", buffering: int = -1) -> BinaryIO:
        """Open it for reading, by ranges; as a raw file if `buffering` is 0.

        Raises
        ------
        FileNotFoundError, PermissionError, OSError
            As for `stat`, also later.
        UnsupportedError
            If `mode` is not `"rb"`.
        """
        if mode != "rb":
            local(self)
        raw = stores.Object(self.url)
        return cast("BinaryIO", raw if buffering == 0 else io.BufferedReader(raw, 1 << 17))

    def read_bytes(self) -> bytes:
        """Read all of it, in one request."""
        return stores.read(self.url)


def recorded(name: str | os.PathLike[str], base: Path | None = None) -> str:
    """Return the absolute name by which a plan or another file has a place, and can read it again.

    Raises
    ------
    ValueError
        The URL has a signature or a password in it, which would be in that file.

    Examples
    --------
    >>> recorded("s3://icecube/a.i3.zst", Path("/data")), recorded("a.i3.zst", Path("/data"))
    ('s3://icecube/a.i3.zst', '/data/a.i3.zst')
    """
    found = place(name)
    if is_remote(found) and found.is_secret:
        msg = (
            f"{found} cannot be an input of a job, since its plan would tell what is hidden here; give credentials in \
the environment"
        )
        raise ValueError(msg)
    return str(found if is_remote(found) else ((base or Path()) / found).absolute())


def expanded(path: Remote) -> list[Path]:
    """Return what a pattern matches, sorted; a name without `*?[`, and a pattern without a match, is one object."""
    if not has_magic(urlsplit(path.url).path):
        return [place(path)]
    matches = stores.matching(path.url)
    return [place(Remote(url, known)) for url, known in matches.items()] or [place(path)]


def version(name: str | os.PathLike[str]) -> object:
    """Return what changes when a file does: its time of change or, in a store, all that the store says of it."""
    found: Any = place(name).stat()
    return found if isinstance(found, Status) else found.st_mtime_ns


def for_polars(path: Path) -> Any:
    """Return what Polars' own readers are given for a path: itself, or a URL."""
    return path.url if isinstance(path, Remote) else path


__all__ = ["READ", "Remote", "expanded", "for_polars", "is_remote", "local", "place", "recorded", "version"]
