"""The PyTorch front end: ExportedProgram or `.pt2` file to graph-dialect text and weights by name.

    imported = manaslu.frontend.torch.import_exported(torch.export.export(model, args))
    imported = manaslu.frontend.torch.import_file("model.pt2")
    manaslu.frontend.torch.write(imported, "model.mlir", "model.safetensors")
"""

from __future__ import annotations

import os
import threading

from . import safetensors
from .archive import Archive
from .diagnostics import Error
from .importer import Imported, import_program
from .operators import supported_operators
from .serialized import NeedsTorch, read_program


def import_exported(exported) -> Imported:
    """Imports an ExportedProgram. Raises Error, which lists all problems."""
    from .exported import from_exported

    return import_program(from_exported(exported))


def import_file(path: str) -> Imported:
    """Imports a `.pt2` file, which is treated as untrusted."""
    archive = Archive(path)
    # The checksums take as long as the import: both at once.
    failures = []
    checker = threading.Thread(target=lambda: _collect(failures, archive.check_tensors))
    checker.start()
    try:
        imported = _import_archive(archive)
    finally:
        checker.join()
        if failures:  # a damaged file explains whatever else went wrong
            raise failures[0]
    return imported


def _import_archive(archive: Archive) -> Imported:
    try:
        return import_program(read_program(archive))
    except NeedsTorch:
        from .exported import from_archive, from_exported

        return import_program(from_exported(from_archive(archive)))


def _collect(failures: list, function) -> None:
    try:
        function()
    except Error as error:
        failures.append(error)


def write(imported: Imported, mlir_path: str, weights_path: str) -> None:
    """Writes both files; on failure neither exists that did not exist before."""
    temporary = []
    try:
        for path, store in ((mlir_path, _write_text), (weights_path, _write_weights)):
            temporary.append(f"{path}.{os.getpid()}.part")
            store(imported, temporary[-1])
        os.replace(temporary[0], mlir_path)
        os.replace(temporary[1], weights_path)
    except OSError as error:
        for path in temporary:
            if os.path.exists(path):
                os.remove(path)
        raise Error("MN-IO-002", f"{error.filename or mlir_path} cannot be written: {error.strerror}") from None


def _write_text(imported: Imported, path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(imported.mlir)


def _write_weights(imported: Imported, path: str) -> None:
    safetensors.write(path, imported.tensors)


__all__ = ["Error", "Imported", "import_exported", "import_file", "supported_operators", "write"]
