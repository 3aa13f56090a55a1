from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from each import each

import icecol

PACKAGE = Path(icecol.__file__).parent

LAYERS = (
    {"cli", "__main__"},
    {"batch", "browse", "tray", "demo", "discovery", "saving", "study", "speed"},
    {"ahead"},
    {"declared", "samples"},
    {"plot"},
    {"view"},
    {"sim", "stats", "weight", "filters"},
    {"convert", "export", "hist", "select"},
    {"reco"},
    {"i3", "blindness", "coordinates", "dataset", "runs"},
    {"detector"},
    {"jit"},
    {
        "units",
        "errors",
        "files",
        "garbage",
        "missing",
        "names",
        "notebook",
        "places",
        "stores",
        "terminal",
        "rendering",
        "",
    },
)
"""Parts of the package, top first: a module may import from its own layer or a lower one. `""` is icecol itself."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def depth(part: str) -> int:
    for i, layer in enumerate(LAYERS):
        if part in layer:
            return i
    pytest.fail(f"icecol/{part} has no layer: add it to LAYERS")


def only_types(tree: ast.AST) -> set[ast.AST]:
    """Everything below an `if TYPE_CHECKING:`."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.update(inner for statement in node.body for inner in ast.walk(statement))
    return found


@functools.cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of each import that happens at run time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    types = only_types(tree)
    found = []
    for node in ast.walk(tree):
        if node in types:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_of_icecol_loads_nothing_heavy():
    loaded = loaded_after("import icecol")
    assert not loaded & {"numba", "matplotlib", "pyarrow", "dask", "pandas", "awkward", "scipy"}


def test_command_line_shows_its_help_without_heavy_libraries():
    loaded = loaded_after("import icecol.cli")
    assert not loaded & {"numba", "matplotlib", "pyarrow", "polars", "numpy"}


def test_i3_loads_neither_arrow_nor_polars():
    names = sorted(
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts) for p in (PACKAGE / "i3").rglob("*.py")
    )
    loaded = loaded_after("\n".join(f"import {n.removesuffix('.__init__')}" for n in names))
    assert not loaded & {"pyarrow", "polars", "pandas"}


def test_matplotlib_is_imported_by_plot_alone():
    users = {
        part_of(path)
        for path in modules()
        for _, name in imports(path)
        if name.split(".")[0] in {"matplotlib", "plotly"}
    }
    assert users <= {"plot"}


def test_textual_is_imported_by_browse_alone():
    users = {
        part_of(path) for path in modules() for _, name in imports(path) if name.split(".")[0] == "textual"
    }
    assert users <= {"browse"}


@each("path", modules())
def test_imports_go_downwards(path):
    own = part_of(path)
    for line, name in imports(path):
        if name.split(".")[0] != "icecol":
            continue
        target = name.split(".")[1] if name.count(".") and (PACKAGE / name.split(".")[1]).exists() else None
        target = target or (
            name.split(".")[1] if name.count(".") and (PACKAGE / f"{name.split('.')[1]}.py").exists() else ""
        )
        if own in {"cli", "demo", "study"} and target == "":
            continue
        assert depth(target) >= depth(own), f"{path}:{line} imports {name}, which is above it"


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def graph() -> dict[str, set[str]]:
    """Which modules each module imports, at its top or inside a function; icecol itself imports all on first use."""
    known = {dotted(path): path for path in modules()}
    edges: dict[str, set[str]] = {}
    for module, path in known.items():
        named = (name if name in known else name.rpartition(".")[0] for _, name in imports(path))
        edges[module] = {name for name in named if name in known and name != "icecol"}
    return edges


def cycle_in(edges: dict[str, set[str]]) -> list[str]:
    """One cycle of a graph, its first node repeated at the end; empty if there is none."""
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        for following in sorted(edges[node]):
            if found := visit(following, [*trail, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(edges) if (found := visit(node, []))), [])


def test_a_cycle_is_found():
    assert cycle_in({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_modules_do_not_import_each_other_in_a_circle():
    assert not cycle_in(graph())


@each("path", modules())
def test_i3_names_neither_arrow_nor_polars(path):
    if part_of(path) == "i3":
        assert not {name.split(".")[0] for _, name in imports(path)} & {"pyarrow", "polars"}


@each("name", icecol.__all__)
def test_public_name_resolves(name):
    assert getattr(icecol, name) is not None
    assert name in dir(icecol)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = icecol.no_such_thing


def test_machine_code_is_kept_by_one_mechanism():
    assert not [p for p in modules() if "cache=True" in p.read_text(encoding="utf-8")]
