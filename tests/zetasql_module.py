"""Google's analyzer compiled once a machine instead of once a process.

The ``zetasql`` package is WebAssembly, and compiling it takes about twenty seconds of work.
The compiled module is kept in pytest's cache folder; processes that start together wait for
the first one.
"""

from __future__ import annotations

import fcntl
import hashlib
from importlib.metadata import version
from pathlib import Path

import wasmtime
from zetasql.core import wasm_client

CACHE = Path(__file__).resolve().parent.parent / ".pytest_cache" / "zetasql"


class CompiledModule:
    """Stands in for ``wasmtime.Module`` where the package compiles its file."""

    @staticmethod
    def from_file(engine: wasmtime.Engine, path: str) -> wasmtime.Module:
        """Return the compiled module, from the cache where it is there."""
        key = f"{version('wasmtime')} {version('zetasql')} {Path(path).stat().st_size}"
        compiled = CACHE / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.cwasm"
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if compiled.is_file():
                try:
                    return wasmtime.Module.deserialize_file(engine, str(compiled))
                except wasmtime.WasmtimeError:
                    # Another machine's or another build's; made anew below.
                    compiled.unlink()
            module = wasmtime.Module.from_file(engine, path)
            aside = compiled.with_suffix(".new")
            aside.write_bytes(module.serialize())
            aside.replace(compiled)
            return module


def use_compiled_module() -> None:
    """Let the package take its module from the cache."""
    wasm_client.Module = CompiledModule
