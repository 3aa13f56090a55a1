"""Compiled functions, and the machine code of those that they call: optimised once, where all of it is linked together.

numba makes every function ready to be called from Python before it compiles the caller: two wrappers, all passes of the
optimiser, and machine code, of the function and again of all that it calls. A caller uses nothing of it but the
instructions, optimises them with its own, and makes machine code of the whole. Here a function that is called from
compiled code stays as it was written until then.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final, overload

from numba.core import config
from numba.core.bytecode import FunctionIdentity
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher, cpu_target

from icecol.garbage import paused

# numba numbers the functions that a process compiles from 1, and tells those of one name apart by that number alone.
# Code from the disk brings the number that it had in another process: of two functions of one number, the first would
# be called for both.
FunctionIdentity._unique_ids = itertools.count(secrets.randbits(40) << 20)

_OPTIONS: Final = {"nopython": True, "boundscheck": None, "nogil": True, "error_model": "numpy"}


@overload
def compiled(function: Callable[..., Any], /) -> Any: ...


@overload
def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]: ...


def compiled(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function as `njit(nogil=True, error_model="numpy")` does: one that compiled functions call, or Python.

    Examples
    --------
    >>> @compiled
    ... def ratio(a, b):
    ...     return a / b
    >>> ratio(3.0, 0.0)
    inf
    """
    if function is None:
        return lambda function: compiled(function, **options)
    if config.DISABLE_JIT:
        return function
    vars(function)["__signature__"] = inspect.signature(function)  # which numba asks for three times
    return Function(function, targetoptions=_OPTIONS | options)


class Function(CPUDispatcher):
    """A compiled function that has machine code of its own only where Python calls it."""

    def compile(self, sig: Any) -> Any:
        """Compile for types of arguments, as Python calls it."""
        try:
            with compiling():
                return super().compile(sig)
        finally:
            if hasattr(self._cache, "finish"):
                self._cache.finish()

    _called: Any = None

    @property
    def called(self) -> Any:
        """The function as compiled functions call it."""
        if self._called is None:
            options = self.targetoptions | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
            self._called = CPUDispatcher(self.py_func, self.locals, options)
        return self._called

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Compile for the types that a compiled function gives, if that has not been done."""
        if not self.targetoptions.get("fastmath"):
            return self.called.get_call_template(args, kws)
        with compiling(
            JITCodeLibrary
        ):  # what may be rounded differently is optimised by itself, whoever calls it
            return self.called.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        """Return what was compiled for a compiled function."""
        return self.called.get_overload(sig)

    @property
    def is_compiling(self) -> Any:
        """Whether it is being compiled: asked of a function that calls itself."""
        return super().is_compiling or self.called.is_compiling


@contextlib.contextmanager
def compiling(library: Any = None) -> Iterator[None]:
    """Compile as this module does; other compilations, of other threads too, wait for the end of it."""
    with global_compiler_lock:
        codegen = cpu_target.target_context.codegen()
        before = codegen._library_class
        codegen._library_class = library or _Library
        try:
            with paused():  # numba makes millions of objects, which live on or are freed by their counts
                yield
        finally:
            codegen._library_class = before


class _Library(JITCodeLibrary):
    """Code that is linked into that of its callers as it was written, and optimised and made executable on demand."""

    _shared_module: Any

    def add_linking_library(self, library: Any) -> None:
        self._linking_libraries.append(library)

    def _get_module_for_linking(self) -> Any:
        if self._finalized:
            return super()._get_module_for_linking()
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage.name == "external":
                    function.linkage = "linkonce_odr"
        return self._shared_module

    def finalize(self) -> None:
        self._linking_libraries = list(_reached(self))
        self._shared_module = None
        super().finalize()
        for variable in self._final_module.global_variables:
            if variable.name.startswith("_ZN08NumbaEnv"):
                environment = lookup_environment(variable.name)
                if environment is not None:
                    self._codegen.set_env(variable.name, environment)

    def get_pointer_to_function(self, name: str) -> int:
        if not self._finalized and not any(f.name == name for f in self._final_module.functions):
            return 0
        return super().get_pointer_to_function(name)

    @property
    def codegen(self) -> Any:
        return self._codegen if self._finalized else _Unfinished


def packed(result: Any) -> Any:
    """Return what `unpacked` makes the result of a compilation from, in any process; None where that is impossible."""
    library = result.library
    if result.lifted or library.has_dynamic_globals:  # the addresses of functions, or of large arrays
        return None
    result.fndesc.typemap = result.fndesc.calltypes = None
    module = library._final_module
    symbols = [v.name for v in (*module.functions, *module.global_variables) if not v.is_declaration]
    environments = result._find_referenced_environments()
    code = library.name, library._get_compiled_object(), symbols
    return code, result.fndesc, result.environment, result.signature, result.reload_init, environments


def unpacked(content: Any, target_context: Any) -> Any:
    """Make a result of compilation, which Python can call, of what `packed` returned."""
    (name, code, symbols), description, environment, signature, reload_init, environments = content
    for function in reload_init:
        function()
    codegen = target_context.codegen()
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(code)
    library._finalize_final_module()
    codegen._engine._defined_symbols.update(symbols)
    result = compile_result(
        target_context=target_context,
        typing_context=target_context.typing_context,
        library=library,
        environment=environment,
        entry_point=target_context.get_executable(library, description, environment),
        fndesc=description,
        signature=signature,
        objectmode=False,
        lifted=(),
        reload_init=reload_init,
        referenced_envs=environments,
    )
    for other in environments:
        codegen.set_env(other.env_name, other)
    return result


class _Unfinished:
    """What stands for the code generator while there is no machine code: `finalize` sets the environments."""

    @staticmethod
    def set_env(name: str, environment: Any) -> None:
        pass


def _reached(library: Any) -> dict[Any, None]:
    """Return all libraries that one needs, each once."""
    found: dict[Any, None] = {}
    left = list(library._linking_libraries)
    while left:
        other = left.pop(0)
        if other is not library and other not in found:
            found[other] = None
            if isinstance(other, _Library) and not other._finalized:
                left += other._linking_libraries
    return found
