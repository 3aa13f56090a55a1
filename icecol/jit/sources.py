"""What a function was made of, by its source: a digest of the code that its module reaches, of which nothing is run.

`mark` looks at live functions, and so needs numba and the module itself. Whoever opens a dataset, perhaps one of
somebody else, must not have to run code that is named there: here, files are read and their imports followed. Comments,
docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_FOLDER: Final = Path(__file__).parents[1]
_PACKAGE: Final = _FOLDER.name
_COMPUTING: Final = ("detector", "jit", "reco", "units", "coordinates")
"""What of icecol decides on the values of a feature; the rest reads, writes and shows them."""
_KERNEL: Final = f"{_PACKAGE}.reco.decorator"
"""What makes a feature of a user's function."""


def place_of(function: Any) -> str:
    """Return where a function is defined: the name of a module of icecol, or the path of a file.

    Raises
    ------
    ValueError
        It is in neither, but in a script or notebook.
    """
    plain = getattr(function, "py_func", function)
    module = str(plain.__module__)
    if module.partition(".")[0] == _PACKAGE:
        return module
    path = Path(plain.__code__.co_filename)
    if module == "__main__" or not path.is_file() or path.suffix != ".py":
        msg = (
            f"{plain.__name__!r} is defined in a script or notebook, where no other process finds it: put it into a "
            "module or file of its own, and import it from there"
        )
        raise ValueError(msg)
    return str(path.resolve())


def load(path: str) -> ModuleType:
    """Run a file of Python code, as it is now, as a module; its folder is then searched for what it imports."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        msg = f"no file {path!r}"
        raise FileNotFoundError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module


def digest(place: str) -> str:
    """Return a digest of the code that a module of icecol, or a file, reaches; empty if there is no such file.

    Examples
    --------
    >>> digest("icecol.reco.line_fits") == digest("icecol.reco.line_fits") != digest("icecol.reco.charges")
    True
    """
    if place.endswith(".py") and not Path(place).is_file():
        return ""
    text = "\n".join(sorted(_reached(place).values()))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def fresh(place: str) -> ModuleType:
    """Return a file of Python code as a module, with all that it imports from beside it as these files are now.

    What is imported already, perhaps of an older text, stays as it is for others.
    """
    return _fresh(place, digest(place))


@lru_cache(maxsize=16)
def _fresh(place: str, _digest: str) -> ModuleType:
    reached = {name for name in _reached(place) if name.endswith(".py")}
    there = {
        name: module for name, module in sys.modules.items()
        if (file := getattr(module, "__file__", None)) and str(Path(file).resolve()) in reached
    }  # fmt: skip
    for name in there:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        return load(place)
    finally:
        sys.modules.update(there)


@lru_cache(maxsize=1)
def everything() -> str:
    """Return a digest of all code of icecol that computes, as it is written: as long as it holds, so does any other."""
    found = hashlib.sha256()
    for part in _COMPUTING:
        folder = _FOLDER / part
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]:
            found.update(f"{path.relative_to(_FOLDER).as_posix()}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _reached(place: str) -> dict[str, str]:
    """Return the text of all files that a module or file reaches, and the versions of libraries, by name."""
    told: dict[str, str] = {}
    waiting = [place, *([_KERNEL] if place.endswith(".py") else [])]
    while waiting:
        here = waiting.pop()
        if here in told:
            continue
        path = _path(here)
        if path is None:
            told[here] = f"{here} {_version(here)}"
            continue
        code, imports = _read(path, here, path.stat().st_mtime_ns)
        told[here] = f"{here if path.is_relative_to(_FOLDER) else path.name}\n{code}"
        waiting += imports
    return told


def _path(name: str) -> Path | None:
    """Return the file of a module of icecol, or of one given by its path; None for a library."""
    if name.endswith(".py"):
        return Path(name)
    if name.partition(".")[0] != _PACKAGE:
        return None
    path = _FOLDER.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@lru_cache(maxsize=1024)
def _read(path: Path, name: str, _changed: int) -> tuple[str, tuple[str, ...]]:
    """Return the code of a file as text, and what it imports."""
    tree = _tree(path)
    return ast.unparse(tree), tuple(_imports(tree, path, name))


def _imports(tree: ast.Module, path: Path, name: str) -> Iterator[str]:
    """Yield what a file imports: modules of icecol that compute, files beside it, and names of libraries."""
    for module, inside in _statements(tree, name):
        top = module.partition(".")[0]
        if top == _PACKAGE:
            for candidate in (module, *(f"{module}.{i}" for i in inside)):
                parts = candidate.split(".")
                file = _path(candidate)
                if len(parts) > 1 and parts[1] in _COMPUTING and file is not None and file.is_file():
                    yield candidate
        elif path.is_relative_to(_FOLDER):
            continue  # its libraries are told by their versions
        elif (beside := _beside(path.parent, module, inside)) is not None:
            yield from beside
        elif top not in sys.stdlib_module_names:
            yield top


def _beside(folder: Path, module: str, inside: list[str]) -> list[str] | None:
    """Return the files of a module that lies beside the file that imports it; None if there is none."""
    base = folder.joinpath(*module.split(".")) if module else folder
    several = [base.with_suffix(".py"), base / "__init__.py", *(base / f"{name}.py" for name in inside)]
    found = [str(path.resolve()) for path in several if path.is_file()]
    return found or None


def _statements(tree: ast.AST, name: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level and not name.endswith(".py"):
                module = ".".join([*name.split(".")[: -node.level], *filter(None, [module])])
            yield module, [alias.name for alias in node.names]


def _tree(path: Path) -> ast.Module:
    """Parse a file, without what is for type checkers alone and without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [s for s in node.body if not (_is_text(s) or _is_typing(s))] or [ast.Pass()]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_typing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


__all__ = ["digest", "everything", "fresh", "load", "place_of"]
