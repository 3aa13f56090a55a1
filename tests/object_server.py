"""Servers of objects for tests, which note what they are asked for: HTTP with its faults, and S3 (moto's)."""

from __future__ import annotations

import hashlib
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Objects:
    """What a server has, how it behaves, and what it was asked for."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and bytes sent, of each request."""
    ranges: bool = True
    matches: bool = True
    """Whether it knows If-Match."""
    cut: int = 0
    """How many answers end early, from now on."""
    status: int = 0
    """What it answers in place of the object."""
    secret: str = ""
    """What the query of a URL must be."""
    after: Callable[[], None] | None = None
    """What happens after each answer to a GET."""

    def put(self, folder: Path, name: str) -> str:
        """Take a file, or all files of a folder, under a name; return its URL."""
        if folder.is_file():
            self.content[f"/{name}"] = folder.read_bytes()
        for path in folder.rglob("*"):
            if path.is_file():
                self.content[f"/{name}/{path.relative_to(folder)}"] = path.read_bytes()
        return f"{self.url}/{name}"

    def told(self) -> list[tuple[str, str, int]]:
        """Return what was asked for since the last call."""
        asked, self.asked = self.asked, []
        return asked


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)
        if self.objects.after is not None:
            self.objects.after()

    def _answer(self, *, body: bool) -> None:
        of = self.objects
        path, _, query = self.path.partition("?")
        content = of.content.get(path)
        tag = f'"{hashlib.md5(content or b"").hexdigest()}"'
        wrong = of.status or (403 if of.secret and query != of.secret else 404 if content is None else 0)
        if not wrong and of.matches and self.headers.get("If-Match", tag) != tag:
            wrong = 412
        if wrong or content is None:
            self._send(wrong, {}, b"", body=body)
            return
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")) if of.ranges else None
        data, status, headers = content, 200, {"ETag": tag} if of.matches else {}
        if asked is not None:
            first, last = asked.groups()
            begin = int(first) if first else max(len(content) - int(last), 0)
            end = min(int(last) + 1, len(content)) if first and last else len(content)
            data, status = content[begin:end], 206
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
        self._send(status, headers, data, body=body)

    def _send(self, status: int, headers: dict[str, str], data: bytes, *, body: bool) -> None:
        of = self.objects
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = data if body else b""
        if body and of.cut and status < 300:
            of.cut -= 1
            sent = data[: len(data) // 2]
            self.close_connection = True
        of.asked.append((self.command, self.path, len(sent)))
        self.wfile.write(sent)


@contextmanager
def over_http() -> Iterator[Objects]:
    """Serve objects over HTTP."""
    objects = Objects()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"objects": objects}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    objects.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def over_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """Serve the bucket `icecube` by moto's server, and let the environment lead to it; skip without it."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = pytest.importorskip(
        "moto.server", reason="moto's server is not installed: pip install 'moto[server]'"
    )
    from werkzeug.serving import WSGIRequestHandler, make_server

    objects = Objects()
    app = moto.DomainDispatcherApplication(moto.create_backend_app)

    def counted(environ: Any, start: Any) -> Any:
        def noting(status: str, headers: Any, info: Any = None) -> Any:
            n = int(dict(headers).get("Content-Length", 0)) if environ["REQUEST_METHOD"] == "GET" else 0
            query = environ.get("QUERY_STRING", "")
            objects.asked.append(
                (environ["REQUEST_METHOD"], environ["PATH_INFO"] + (query and "?") + query, n)
            )
            return start(status, headers, info)

        return app(environ, noting)

    quiet = type("Quiet", (WSGIRequestHandler,), {"log": lambda *_: None})
    server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=quiet)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    objects.url = "s3://icecube"
    try:
        import s3fs

        reset = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset).close()  # its buckets are those of the whole process
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("icecube")
        yield objects
    finally:
        server.shutdown()
        server.server_close()


def upload(folder: Path, name: str) -> str:
    """Put a file or folder into the bucket; return its URL."""
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True).put(str(folder), f"icecube/{name}", recursive=folder.is_dir())
    return f"s3://icecube/{name}"
