"""Writer and reader of the safetensors side file that holds the weights by name."""

from __future__ import annotations

import json
import os
import struct

from .types import BY_NAME

ALIGNMENT = 4096  # bytes: the data section starts on a page, so that it can be mapped
TENSOR_ALIGNMENT = 8  # bytes: larger elements come first, so every tensor is aligned to its elements


def write(path: str, tensors: dict) -> None:
    """Writes name -> TensorData. Equal input gives equal bytes; the tensors' bytes go to the file without a copy of them in between."""
    order = sorted(tensors, key=lambda name: (-BY_NAME[tensors[name].type.dtype].size, name))
    header, offset, chunks = {}, 0, []
    for name in order:
        data = tensors[name]
        element = BY_NAME[data.type.dtype]
        size = data.type.elements * element.size
        header[name] = {"dtype": element.safetensors, "shape": list(data.type.shape), "data_offsets": [offset, offset + size]}
        offset += size
        chunks.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with open(path, "wb", buffering=0) as file:
        _write_all(file, struct.pack("<Q", len(text)) + text)
        for data in chunks:
            _write_all(file, data.bytes())


def _write_all(file, data) -> None:
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    while len(view):
        view = view[file.write(view) :]


def read(path: str) -> dict:
    """Reads a side file: name -> numpy array (bfloat16 as its bits in uint16)."""
    import numpy

    types = {"F32": "f4", "F64": "f8", "F16": "f2", "BF16": "u2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data = numpy.memmap(path, mode="r", offset=8 + length) if os.path.getsize(path) > 8 + length else numpy.empty(0, "u1")
    return {
        name: data[entry["data_offsets"][0] : entry["data_offsets"][1]].view(types[entry["dtype"]]).reshape(entry["shape"]) for name, entry in header.items()
    }
