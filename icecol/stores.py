"""Reading objects of stores (S3, HTTP) through fsspec: by ranges, tried again, whole or with an error.

An object that changes while it is read, a body that ends early and a server that gives no ranges are errors, and never
other data. No message has more of a URL than `shown` leaves of it.
"""

from __future__ import annotations

import io
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from icecol.errors import UnsupportedError, needs

BLOCK: Final = 8 << 20
"""Bytes of a range that is asked for: each request takes a round trip, and a block is held in memory."""
WAITS: Final = (0.2, 1.0, 4.0)
"""Seconds after which what failed in passing is tried again over HTTP; s3fs does so on its own."""
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of HTTP that may be others a moment later."""
_HOW: Final = {
    "s3": "check the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...; AWS_SKIP_SIGNATURE=true "
    "for a public bucket) and what they allow",
    "http": "check the user, or whether the signature of the URL has expired",
}
_T = TypeVar("_T")


class Status(NamedTuple):
    """What a store says of an object; the first two as `os.stat` calls them."""

    st_size: int
    st_mtime_ns: int
    """Time of the last change, in nanoseconds since 1970; 0 if the server does not say."""
    etag: str = ""
    """What the store calls this content, if it says so; weak ones begin with `W/`."""


def shown(url: str) -> str:
    """Return a URL without what may be secret: user, password, and the values of its query.

    >>> shown("https://me:secret@example.org/a.i3.zst?signature=abc&expires=10")
    'https://example.org/a.i3.zst?signature=…&expires=…'
    """
    parts = urlsplit(url)
    names = [one.partition("=")[:2] for one in parts.query.split("&") if one]
    query = "&".join(f"{name}=…" if equals else "…" for name, equals in names)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" + (f"?{query}" if query else "")


def status(url: str) -> Status:
    """Ask a store for what it says of an object.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        There is no such object, it may not be read, or the store cannot be reached.
    """
    store = _store(url)
    return _status(_tried(url, lambda: store.info(url)), url)


def polars_options(url: str) -> dict[str, Any]:
    """Return the options by which Polars' own reader takes the same way to a store as the rest."""
    if urlsplit(url).scheme != "s3":
        return {}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    options = {"aws_endpoint_url": endpoint} if endpoint else {}
    if _is_anonymous():
        return {"storage_options": {**options, "aws_skip_signature": "true"}, "credential_provider": None}
    return {"storage_options": options or None, "credential_provider": aws_credentials}


def aws_credentials() -> tuple[dict[str, str | None], int | None]:
    """Look up the credentials as the AWS command line does: environment, profiles, roles. Plans have this in them.

    Returns
    -------
    credentials, expiry
        As Polars wants them; it asks again after the expiry (s since 1970).
    """
    from botocore.session import Session

    found = Session().get_credentials()
    if found is None:
        msg = f"reading s3:// needs credentials: {_HOW['s3']}"
        raise PermissionError(msg)
    frozen = found.get_frozen_credentials()
    expiry = getattr(found, "_expiry_time", None)
    given = {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
    }
    return {k: v for k, v in given.items() if v}, None if expiry is None else int(expiry.timestamp())


def _is_anonymous() -> bool:
    return os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in {"true", "1"}


def read(url: str) -> bytes:
    """Read an object in one request; errors are those of `status`."""
    store = _store(url)
    options = {"max_concurrency": 1} if url.startswith("s3:") else {}  # else s3fs first asks for the size
    return bytes(_tried(url, lambda: store.cat_file(url, **options)))


def matching(url: str) -> dict[str, Status | None]:
    """List the objects of S3 that a pattern matches, and the folders of objects, which have no status.

    Raises
    ------
    UnsupportedError
        The store has no listing.
    """
    if urlsplit(url).scheme != "s3":
        msg = f"{shown(url)} is a pattern, and a web server does not list its files: name each of them"
        raise UnsupportedError(msg)
    store = _store(url)
    found = _tried(url, lambda: store.glob(url, detail=True))
    return {
        f"s3://{name}": None if of["type"] == "directory" else _status(of, url)
        for name, of in sorted(found.items())
    }


def below(url: str) -> dict[str, int] | None:
    """Return the size of each object below a folder by its name there, in a request per 1,000; None if not listed."""
    if urlsplit(url).scheme != "s3":
        return None
    store = _store(url)
    root = url.removeprefix("s3://").rstrip("/") + "/"
    found = _tried(url, lambda: store.find(url, detail=True))
    return {name.removeprefix(root): int(of["size"]) for name, of in found.items()}


class Object(io.RawIOBase):
    """An object that is read by ranges of 8 MiB, all of the same content.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        As for `status`; while reading, also if the object changes or its body ends early.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._at = 0
        store = _store(url)
        options: dict[str, Any] = {"block_size": BLOCK, "cache_type": "readahead"}
        self._file: Any = io.BytesIO()
        if url.startswith("s3:"):  # s3fs asks for the same content by itself
            self._file = _tried(url, lambda: store.open(url, "rb", **options))
            self.before = _status(self._file.details, url)
            """What the store said of it when it was opened."""
            return
        self.before = status(url)
        options |= {"size": self.before.st_size, "headers": _same(self.before)}
        if self.before.st_size:
            self._file = _tried(url, lambda: store.open(url, "rb", **options))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        view = memoryview(buffer).cast("B")
        n = min(len(view), self.before.st_size - self._at)
        if n <= 0:
            return 0
        view[:n] = _tried(self.url, lambda: self._range(n))
        self._at += n
        if self._at == self.before.st_size > BLOCK and not self.url.startswith("s3:"):
            self.check()  # a server may leave out If-Match
        return n

    def check(self) -> None:
        """Raise an error if the object is not what it was when it was opened."""
        after = status(self.url)
        if after != self.before:
            raise _changed(self.url)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.before.st_size}[whence]
        if base + offset < 0:
            msg = f"there is no byte {base + offset}"
            raise ValueError(msg)
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def close(self) -> None:
        """Close it."""
        if not self.closed:
            self._file.close()
        super().close()

    def _range(self, n: int) -> bytes:
        self._file.seek(self._at)
        data: bytes = self._file.read(n)
        if len(data) != n:
            msg = f"the answer has {len(data):,} bytes in place of {n:,}"
            raise ConnectionError(msg)
        return data


def _same(was: Status) -> dict[str, str]:
    """Return the headers that ask for an unchanged object alone."""
    if was.etag and not was.etag.startswith("W/"):
        return {"If-Match": was.etag}
    return {}


def _status(found: dict[str, Any], url: str) -> Status:
    size, when = found.get("size"), found.get("LastModified", found.get("Last-Modified"))
    if size is None:
        msg = f"{shown(url)} cannot be read by ranges: the server does not say how many bytes it has"
        raise OSError(msg)
    if isinstance(when, str):
        from email.utils import parsedate_to_datetime

        when = parsedate_to_datetime(when)
    modified = int(when.timestamp()) * 10**9 if isinstance(when, datetime) else 0
    return Status(int(size), modified, str(found.get("ETag", "")))


def _store(url: str) -> Any:
    """Return fsspec's file system for a URL."""
    kind = "s3" if urlsplit(url).scheme == "s3" else "http"
    environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _made(kind, environment if kind == "s3" else (), os.getpid())


@lru_cache(maxsize=4)
def _made(kind: str, _environment: tuple[tuple[str, str], ...], _process: int) -> Any:
    library = "s3fs" if kind == "s3" else "aiohttp"
    try:
        import fsspec

        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if kind == "s3":
            options["anon"] = _is_anonymous()
        else:
            import aiohttp

            # what is stored is compressed as a rule: a server that also compresses the answer has no ranges
            options["headers"] = {"Accept-Encoding": "identity"}
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
            options["client_kwargs"] = {"trust_env": True, "timeout": timeout}
        for name in ("fsspec", "fsspec.http", "s3fs"):
            logging.getLogger(name).addFilter(_without_secrets)
        for name in ("botocore", "aiobotocore", "urllib3"):  # at DEBUG they log tokens and signed requests
            logger = logging.getLogger(name)
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.INFO)
        return fsspec.filesystem(kind, **options)
    except ImportError as err:
        raise needs(library, "remote", f"reading {'s3://' if kind == 's3' else 'http(s)://'}") from err


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = _redacted(record.getMessage()), None
    record.exc_info = record.exc_text = None  # the error is raised anyway, in words of this module
    return True


def _redacted(text: str) -> str:
    return re.sub(r"https?://[^\s'\"<>)]+", lambda url: shown(url[0]), text)


def _tried(url: str, act: Callable[[], _T]) -> _T:
    """Do something with an object, again if it fails in passing; errors say what is wrong and what to do."""
    for wait in (*(() if url.startswith("s3:") else WAITS), None):
        with _plainly(url, again=wait is not None):
            return act()
        time.sleep(wait or 0)
    raise AssertionError


@contextmanager
def _plainly(url: str, *, again: bool) -> Iterator[None]:
    try:
        yield
    except Exception as err:  # of fsspec, botocore and aiohttp
        if isinstance(err, TypeError | AttributeError | AssertionError):
            raise  # nothing that a store says
        cause = err.__cause__ if isinstance(err, FileNotFoundError) and err.__cause__ is not None else err
        code = _code(cause)
        if again and _is_passing(cause, code):
            return
        name = shown(url)
        told = _error(name, urlsplit(url).scheme, cause, code)
    else:
        return
    raise told from None  # the cause may show the URL as it is


def _code(cause: BaseException) -> int | None:
    """Return the status of HTTP that an error of aiohttp or botocore has."""
    if isinstance(response := getattr(cause, "response", None), dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(cause, "status", None)
    return found if isinstance(found, int) else None


def _is_passing(cause: BaseException, code: int | None) -> bool:
    if code is not None:
        return code in _PASSING
    of_network = type(cause).__module__.partition(".")[0] == "aiohttp" and not isinstance(cause, ValueError)
    return of_network or isinstance(cause, ConnectionError | TimeoutError)


def _error(name: str, scheme: str, cause: BaseException, code: int | None) -> Exception:
    if isinstance(cause, UnsupportedError):
        return cause
    if code == 412 or type(cause).__name__ == "FileExpired":
        return _changed(name)
    if code in {401, 403} or isinstance(cause, PermissionError):
        what = f"{name} may not be read: {_HOW.get(scheme, _HOW['http'])}"
        return PermissionError(what)
    if code == 404 or (isinstance(cause, FileNotFoundError) and code is None):
        return FileNotFoundError(f"no object {name}")
    if type(cause).__name__ == "NoCredentialsError":
        return PermissionError(f"{name} may not be read without credentials: {_HOW['s3']}")
    if isinstance(cause, ValueError) and "range requests" in str(cause):
        what = f"{name} cannot be read: its server gives no ranges of a file; copy it, or put it on another server"
        return OSError(what)
    text = " ".join(_redacted(str(cause)).split()) or type(cause).__name__
    return OSError(f"{name} cannot be read: {text}; run again when the store can be reached")


def _changed(url: str) -> OSError:
    return OSError(f"{shown(url)} changed while it was being read: nothing of it counts; run again")


__all__ = ["BLOCK", "Object", "Status", "below", "matching", "read", "shown", "status"]
