"""Compiled functions, kept on disk as object code.

numba compiles :mod:`mappedviz.gather.kernels` once per machine. Afterwards a process needs neither numba
nor its 0.6 s of start: LLVM's loader links the object code in 0.03 s. Where nothing can be
written, or what is on disk does not fit this machine, numba compiles again.

Each function gets a head that CPython calls as it calls its own builtins: a tenth of a
microsecond, where numba's dispatcher takes three and ctypes ten or more. Rows are read one by
one in some microseconds, so that matters.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_log = logging.getLogger(__name__)
_SOURCES = ("kernels.py", "layout.py", "native.py")
# All that compiled code may ask of the process; anything else would be looked up in vain.
_LIBC = frozenset(
    {"free", "malloc", "memcpy", "memmove", "memset", "mmap", "pread", "raise", "sigaction"}
)
_PYTHON = frozenset(
    {
        "PyErr_BadArgument",
        "PyErr_Occurred",
        "PyEval_RestoreThread",
        "PyEval_SaveThread",
        "PyLong_AsLongLong",
        "PyLong_FromLongLong",
    }
)

_built: dict[tuple[str, str], dict[str, Callable[..., Any]]] = {}
_alive: list[Any] = []  # what owns the memory of the code

# Function -> the function of `kernels` that builds it.
_BUILDERS = {
    "check": "plan",
    "plan": "plan",
    "follow": "plan",
    "dense": "dense",
    "row": "dense",
    "csr": "csr",
    "guard": "guard",
}

_lock = threading.RLock()
_functions: dict[tuple[str, str], Callable[..., int]] = {}


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()  # some thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def function(name: str, kind: str = "") -> Callable[..., int]:
    """A compiled function of integers, which releases the GIL.

    Parameters
    ----------
    name
        ``"dense"``, ``"row"``, ``"csr"``, ``"check"``, ``"plan"`` or ``"follow"``. ``"guard"`` is
        not called by Python but by the kernel, as a signal handler: what is returned for it
        takes the address of its table and gives the address of the handler.
    kind
        Type of the output values, such as ``"f4"`` or ``"u2"``.
    """
    found = _functions.get((name, kind))
    if found is None:
        with _lock:
            found = _functions.get((name, kind))
            if found is None:
                found = _load(name, kind) or _compile(name, kind)
                _functions[name, kind] = found
    return found


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_METH_FASTCALL = 0x80


def _builtin(name: str, address: int) -> Callable[..., int]:
    """The function at an address, which has the head made by `_with_head`, as an object."""
    definition = _MethodDef(name.encode(), address, _METH_FASTCALL, None)
    _alive.append(definition)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    new.restype = ctypes.py_object
    made: Callable[..., int] = new(ctypes.addressof(definition), None, None)
    return made


# ----------------------------------------------------------------------------------- compile
def _compile(name: str, kind: str) -> Callable[..., int]:
    import numba

    from mappedviz.gather import kernels

    builder = _BUILDERS[name]
    if (builder, kind) not in _built:
        build = getattr(kernels, f"build_{builder}")
        _built[builder, kind] = build(np.dtype(kind or "u1").type)
    source = _built[builder, kind][name]
    with_head = _with_handler if name == "guard" else _with_head
    try:
        library = with_head(name, source, kernels.OPTIONS)
        address = library.get_pointer_to_function(_head(name))
    except Exception as error:  # another numba, which is made differently inside
        if name == "guard":
            raise
        _log.warning("numba calls the compiled loops itself, which is slower: %s", error)
        plain: Callable[..., int] = numba.njit(nogil=True, error_model="numpy")(source)
        return plain
    _alive.append(library)
    try:
        _save(name, kind, library)
    except Exception as error:
        _log.debug("compiled code could not be kept: %s", error)
    return _builtin(name, address)


def _head(name: str) -> str:
    return f"mappedviz_{name}"


def _with_head(name: str, source: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Compile a function and give it a head for CPython; numba's library with both.

    The head is ``PyObject *head(PyObject *self, PyObject *const *args, Py_ssize_t n_args)``. It
    makes int64 of the arguments, lets go of the interpreter lock, and calls the function in
    numba's convention: (result*, exception**, arguments...). As the functions raise nothing,
    there is no exception to be told of.
    """
    from llvmlite import ir

    compiled, body, module = _body(name, source, options)
    n_args = source.__code__.co_argcount
    i64, pointer, pointers = _types()

    def external(symbol: str, returns: Any, *takes: Any) -> Any:
        return ir.Function(module, ir.FunctionType(returns, takes), symbol)

    to_int64 = external("PyLong_AsLongLong", i64, pointer)
    from_int64 = external("PyLong_FromLongLong", pointer, i64)
    occurred = external("PyErr_Occurred", pointer)
    bad_argument = external("PyErr_BadArgument", ir.IntType(32))
    save_thread = external("PyEval_SaveThread", pointer)
    restore_thread = external("PyEval_RestoreThread", ir.VoidType(), pointer)

    head = external(_head(name), pointer, pointer, pointers, i64)
    _, arguments, n_given = head.args
    code = ir.IRBuilder(head.append_basic_block())
    out = code.alloca(i64)
    code.store(i64(0), out)
    with code.if_then(code.icmp_signed("!=", n_given, i64(n_args)), likely=False):
        code.call(bad_argument, [])
        code.ret(pointer(None))
    values = [
        code.call(to_int64, [code.load(code.gep(arguments, [i64(k)]))]) for k in range(n_args)
    ]
    with code.if_then(
        code.icmp_unsigned("!=", code.call(occurred, []), pointer(None)), likely=False
    ):
        code.ret(pointer(None))
    thread = code.call(save_thread, [])
    code.call(body, [out, pointers(None), *values])
    code.call(restore_thread, [thread])
    code.ret(code.call(from_int64, [code.load(out)]))
    return _linked(name, compiled, module)


def _with_handler(name: str, source: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Compile a function of a table and a siginfo_t as a signal handler.

    The handler is ``void handler(int signal, siginfo_t *info, void *context)``; the table is
    a variable beside it. The head, which CPython calls, sets the table and returns the address
    of the handler.
    """
    from llvmlite import ir

    compiled, body, module = _body(name, source, options)
    i32, (i64, pointer, pointers) = ir.IntType(32), _types()
    table = ir.GlobalVariable(module, i64, f"{_head(name)}_table")
    table.linkage, table.initializer = "internal", i64(0)

    kind = ir.FunctionType(ir.VoidType(), [i32, pointer, pointer])
    handler = ir.Function(module, kind, f"{_head(name)}_handler")
    code = ir.IRBuilder(handler.append_basic_block())
    out = code.alloca(i64)
    info = code.ptrtoint(handler.args[1], i64)
    code.call(body, [out, pointers(None), code.load(table), info])
    code.ret_void()

    to_int64 = ir.Function(module, ir.FunctionType(i64, [pointer]), "PyLong_AsLongLong")
    from_int64 = ir.Function(module, ir.FunctionType(pointer, [i64]), "PyLong_FromLongLong")
    head = ir.Function(module, ir.FunctionType(pointer, [pointer, pointers, i64]), _head(name))
    code = ir.IRBuilder(head.append_basic_block())
    code.store(code.call(to_int64, [code.load(head.args[1])]), table)
    code.ret(code.call(from_int64, [code.ptrtoint(handler, i64)]))
    return _linked(name, compiled, module)


def _types() -> tuple[Any, Any, Any]:
    """LLVM's int64, pointer, and pointer to pointers."""
    from llvmlite import ir

    pointer = ir.PointerType(ir.IntType(8))
    return ir.IntType(64), pointer, ir.PointerType(pointer)


def _body(name: str, source: Callable[..., Any], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A function compiled by numba, its declaration, and the module with that, for its head."""
    import numba
    from llvmlite import ir

    n_args = source.__code__.co_argcount
    signature = (numba.int64,) * n_args
    dispatcher = numba.njit(**options)(source)
    dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    module = ir.Module(_head(name))
    i64, _, pointers = _types()
    takes = [ir.PointerType(i64), pointers, *[i64] * n_args]
    kind = ir.FunctionType(ir.IntType(32), takes)
    return compiled, ir.Function(module, kind, compiled.fndesc.llvm_func_name), module


def _linked(name: str, compiled: Any, module: Any) -> Any:
    """What numba compiled and its head, as one library."""
    from numba.core.compiler_lock import global_compiler_lock

    library = compiled.library.codegen.create_library(_head(name))
    library.enable_object_caching()
    with global_compiler_lock:
        library.add_linking_library(compiled.library)
        library.add_ir_module(module)
        library.finalize()
    return library


# -------------------------------------------------------------------------------------- disk
def _directories() -> Iterator[Path]:
    """Where object code may lie, as for numba: best first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen)
    yield Path(__file__).with_name("__pycache__")
    with contextlib.suppress(RuntimeError):  # nobody's home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mappedviz"


def _file_name(name: str, kind: str) -> str:
    """Names the sources, LLVM, and the processor: code made for others is never found."""
    import llvmlite
    from llvmlite import binding

    digest = hashlib.sha256()
    here = Path(__file__)
    for source in _SOURCES:
        digest.update(here.with_name(source).read_bytes())
    for part in (
        llvmlite.__version__,
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        os.environ.get("NUMBA_CPU_NAME", ""),
        os.environ.get("NUMBA_CPU_FEATURES", ""),
        os.environ.get("NUMBA_OPT", ""),
    ):
        digest.update(b"\0" + part.encode())
    return f"kernel-{name}-{kind}-{digest.hexdigest()[:24]}.o"


def _save(name: str, kind: str, library: Any) -> None:
    unknown = (
        {
            function.name
            for function in library._final_module.functions
            if function.is_declaration and not function.name.startswith("llvm.")
        }
        - _LIBC
        - _PYTHON
    )
    if unknown:
        raise RuntimeError(f"it calls {sorted(unknown)}")
    code = library._get_compiled_object()
    header = {"sha256": hashlib.sha256(code).hexdigest()}
    for directory in _directories():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=directory)
        except OSError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + code)
            Path(temporary).chmod(0o644)  # an installation may serve other users, too
            Path(temporary).replace(directory / _file_name(name, kind))
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            continue
        return


def _load(name: str, kind: str) -> Callable[..., int] | None:
    if (
        sys.platform == "win32"
    ):  # pragma: no cover - whose object format LLVM's loader does not take
        return None
    try:
        file_name = _file_name(name, kind)
    except (ImportError, OSError):
        return None
    for directory in _directories():
        try:
            head, _, code = (directory / file_name).read_bytes().partition(b"\n")
            header = json.loads(head)
            if hashlib.sha256(code).hexdigest() == header["sha256"]:
                return _builtin(name, _link(code, _head(name)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.debug("no compiled code in %s: %s", directory, error)
        except Exception as error:  # LLVM's own
            _log.debug("compiled code could not be linked: %s", error)
    return None


def _link(code: bytes, symbol: str) -> int:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    # An engine each: numba numbers the names of its functions anew in every process, so files
    # that two processes wrote may use one name for two functions.
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address: int = engine.get_function_address(symbol)
    if not address:
        raise ValueError(f"no function {symbol}")
    _alive.append(engine)
    return address
