"""What the site has beside the pages in docs/: pages from elsewhere in the repository, the reference, the examples.

Pages are written so that links work where the repository is browsed; here they are pointed to where the site has the
same thing. `mkdocs.yml` names this module.
"""

from __future__ import annotations

import ast
import inspect
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from public import modules  # noqa: E402

ELSEWHERE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "benchmarks-tables.md": "benchmarks/README.md",
}
"""Pages of the site, and the files of the repository that they are."""

LINK = re.compile(r"(\]\()([^)#\s]+)")


def examples() -> dict[str, str]:
    """Return the page of each script in examples/, and its name in the repository."""
    scripts = sorted((ROOT / "examples").glob("*.py"))
    return {f"examples/{script.stem}.md": f"examples/{script.name}" for script in scripts}


def example(script: Path) -> str:
    """Return the page of a script: what it says of itself, and its code."""
    text = script.read_text(encoding="utf-8")
    title, _, rest = (ast.get_docstring(ast.parse(text)) or script.stem).partition("\n")
    return f"# {script.name}\n\n{title}\n\n{rest}\n\n```python\n{text}```\n"


def reference() -> dict[str, str]:
    """Return the page of each public module, made from its docstring and those of its public names."""
    pages: dict[str, str] = {}
    shown: dict[int, str] = {}
    for name, module in modules().items():
        found = {member: getattr(module, member) for member in module.__all__}
        parts = [f"# {name}", for_users(inspect.getdoc(module) or "")]
        for member, value in sorted(found.items(), key=order):
            first = shown.setdefault(id(value), f"{name}.{member}")
            parts.append(entry(f"{name}.{member}", value, first))
        pages[f"reference/{name}.md"] = "\n\n".join(parts) + "\n"
    return pages


def for_users(doc: str) -> str:
    """Return the docstring of a module as Markdown, without what is said to those who read its code."""
    parts = [part for part in doc.split("\n\n") if not part.startswith("Open `")]
    return "\n\n".join(f"```pycon\n{part}\n```" if part.startswith(">>>") else part for part in parts)


def order(item: tuple[str, Any]) -> tuple[int, str]:
    """Sort constants last."""
    name, value = item
    return (not (inspect.isclass(value) or inspect.isfunction(value)), name)


def entry(name: str, value: Any, first: str) -> str:
    """Return the place of a public name, for mkdocstrings to fill, or a link to where else it is."""
    short = name.rpartition(".")[2]
    if inspect.ismodule(value):
        return f"## [{name}]({name}.md)\n\n{(inspect.getdoc(value) or '').partition(chr(10))[0]}"
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        shown = f"`{value!r}`" if isinstance(value, int | float | str) else f"A {type(value).__name__}."
        return f"## {name} {{ data-toc-label='{short}' }}\n\n{shown}"
    path = f"{value.__module__}.{value.__qualname__}"
    if first != name:
        return f"## {name} {{ data-toc-label='{short}' }}\n\nThe same as [`{first}`][{path}]."
    return f"::: {path}\n    options:\n      heading: {name}\n      toc_label: {short}"


def on_config(config: Any) -> Any:
    """Put the pages of the reference into the navigation."""
    [sections] = [section["Reference"] for section in config.nav if "Reference" in section]
    for section in sections:
        if "API" in section:
            section["API"] = [f"reference/{name}.md" for name in modules()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    pages = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in ELSEWHERE.items()}
    pages |= {page: example(ROOT / source) for page, source in examples().items()}
    for uri, text in (pages | reference()).items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Point links to where the site has what they lead to in the repository."""
    uri = page.file.src_uri
    sources = ELSEWHERE | examples()
    here = posixpath.dirname(sources.get(uri, f"docs/{uri}"))
    moved = {source: page for page, source in sources.items()}

    def pointed(match: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", match[2]) or uri.startswith("reference/"):
            return match[0]
        target = posixpath.normpath(posixpath.join(here, match[2]))
        there = moved.get(target, target.removeprefix("docs/"))
        if files.get_file_from_path(there) is None and (ROOT / target).exists():
            msg = f"{uri} links to {target}, which the site does not have"
            raise ValueError(msg)
        return match[1] + posixpath.relpath(there, posixpath.dirname(uri) or ".")

    return LINK.sub(pointed, markdown)
