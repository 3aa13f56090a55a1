"""The public API as text: `python tests/api.py > tests/api.txt` writes down the API as it is now."""

from __future__ import annotations

import inspect

from public import names


def described(name: str, value: object) -> list[str]:
    """Return a line for a name with its signature, and one for each public method of a class."""
    if isinstance(value, type):
        lines = [name if issubclass(value, Exception) else name + signature(value)]
        for member, found in sorted(vars(value).items()):
            if member.startswith("_"):
                continue
            if isinstance(found, property):
                lines.append(f"{name}.{member}")
            elif callable(function := getattr(value, member)) and not isinstance(function, type):
                lines.append(f"{name}.{member}{signature(function)}")
        return lines
    return [name + signature(value)] if callable(value) else [f"{name}: {type(value).__name__}"]


def signature(value: object) -> str:
    """Return names, kinds and defaults of parameters; their types are mypy's business."""
    try:
        found = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(...)"
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def page() -> str:
    """Return the whole API, a line each, sorted."""
    return "".join(f"{line}\n" for name, value in sorted(names()) for line in described(name, value))


if __name__ == "__main__":
    print(page(), end="")
