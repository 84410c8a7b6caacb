"""Reads a `.pt2` archive as untrusted data: checks every entry first, maps the tensors, never opens a pickle."""

from __future__ import annotations

import json
import mmap
import os
import stat
import struct
import zipfile
import zlib

from .diagnostics import Error
from .program import TensorData
from .types import BY_SERIALIZED, TensorType

LARGEST_JSON = 512 << 20  # bytes
MOST_ENTRIES = 1 << 18
_FOLDERS = ("models/", "data/weights/", "data/constants/", "data/sample_inputs/", "extra/", ".data/")
_FILES = ("archive_format", "archive_version", "byteorder", ".format_version", "version")


class Archive:
    """An opened `.pt2`. Entry names are relative to the archive's one root folder."""

    def __init__(self, path: str):
        self.path = path
        try:
            with open(path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Error("MN-IO-001", f"{path} is not a regular file")
                size = os.fstat(file.fileno()).st_size
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise Error("MN-IO-001", f"{path} cannot be read: {error.strerror}") from None
        self.view = memoryview(self.bytes)
        self.entries = self._scan()
        self._verified = set()

    # --- structure -------------------------------------------------------------------------------------------------

    def _scan(self) -> dict:
        """Name -> (ZipInfo, offset of the data), after every structural check."""
        if bytes(self.view[:4]) != b"PK\x03\x04":
            raise Error("MN-IN-ZIP-STRUCTURE", f"{self.path} is not a .pt2 archive: it does not start as a zip file")
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, UnicodeDecodeError) as error:
            raise Error("MN-IN-ZIP-STRUCTURE", f"{self.path} is a truncated or damaged zip file ({error})") from None
        if len(infos) > MOST_ENTRIES:
            raise Error("MN-IN-ZIP-SIZE", f"{self.path} has {len(infos)} entries; the limit is {MOST_ENTRIES}")
        names, ranges = {}, []
        root = infos[0].filename.split("/")[0] + "/" if infos else "/"
        for info in infos:
            self._check_name(info, root)
            if info.filename in names:
                raise Error("MN-IN-ZIP-DUPLICATE", f"{self.path} holds the entry '{info.filename}' twice")
            begin = self._data_offset(info)
            ranges.append((info.header_offset, begin + info.compress_size, info.filename))
            names[info.filename] = (info, begin)
        ranges.sort()
        for (_, end, name), (start, _, following) in zip(ranges, ranges[1:]):
            if start < end:
                raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the entries '{name}' and '{following}' overlap")
        entries = {name[len(root) :]: entry for name, entry in names.items()}
        self._check_kinds(entries)
        return entries

    def _check_name(self, info: zipfile.ZipInfo, root: str) -> None:
        name = info.orig_filename
        parts = name.split("/")
        if not name.startswith(root) or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or ":" in parts[0]:
            raise Error("MN-IN-ZIP-NAME", f"{self.path}: the entry name {name!r} points outside the archive's folder")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Error("MN-IN-ZIP-NAME", f"{self.path}: the entry '{name}' is a symbolic link")
        if info.flag_bits & 0x41:
            raise Error("MN-IN-ZIP-METHOD", f"{self.path}: the entry '{name}' is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Error("MN-IN-ZIP-METHOD", f"{self.path}: the entry '{name}' uses compression method {info.compress_type}; stored and deflated are read")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the stored entry '{name}' claims {info.file_size} bytes but holds {info.compress_size}")

    def _data_offset(self, info: zipfile.ZipInfo) -> int:
        header = bytes(self.view[info.header_offset : info.header_offset + 30])
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise Error("MN-IN-ZIP-STRUCTURE", f"{self.path}: the entry '{info.filename}' has no local header")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        begin = info.header_offset + 30 + name_length + extra_length
        name = bytes(self.view[info.header_offset + 30 : info.header_offset + 30 + name_length])
        if name != info.orig_filename.encode("utf-8", "surrogateescape"):
            raise Error("MN-IN-ZIP-STRUCTURE", f"{self.path}: the entry '{info.filename}' has another name in its local header")
        if begin + info.compress_size > len(self.view):
            raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the entry '{info.filename}' reaches past the end of the file")
        return begin

    def _check_kinds(self, entries: dict) -> None:
        for name in entries:
            if name.endswith("/"):
                continue
            if not name.startswith(_FOLDERS) and name not in _FILES:
                what = "Python code or a pickle (a TorchScript or torch.package file?)" if name.endswith((".pkl", ".py")) or name.startswith("code/") else "unknown"
                raise Error("MN-IN-ZIP-PICKLE", f"{self.path}: the entry '{name}' is {what}; write the file with torch.export.save")
            if name.startswith(("data/weights/", "data/constants/")) and name.endswith((".pt", ".pkl")):
                raise Error("MN-IN-ZIP-PICKLE", f"{self.path}: the tensors in '{name}' are pickled, which is never opened; export again with torch >= 2.9")
        if "byteorder" in entries and self.read("byteorder", entries).strip() != b"little":
            raise Error("MN-IN-ZIP-MISSING", f"{self.path} was written on a big-endian machine")

    # --- contents --------------------------------------------------------------------------------------------------

    def names(self, folder: str) -> list:
        return sorted(name for name in self.entries if name.startswith(folder))

    def read(self, name: str, entries: dict | None = None) -> bytes:
        """Bytes of a small entry, inflated and checked against its CRC."""
        info, begin = (entries or self.entries)[name]
        if info.file_size > LARGEST_JSON:
            raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the entry '{name}' has {info.file_size} bytes; the limit is {LARGEST_JSON}")
        data = bytes(self.view[begin : begin + info.compress_size])
        if info.compress_type == zipfile.ZIP_DEFLATED:
            inflater = zlib.decompressobj(-15)
            try:
                data = inflater.decompress(data, info.file_size + 1)
            except zlib.error as error:
                raise Error("MN-IN-ZIP-STRUCTURE", f"{self.path}: the entry '{name}' cannot be inflated ({error})") from None
            if len(data) != info.file_size:
                raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the entry '{name}' claims {info.file_size} bytes but inflates to {'more' if len(data) > info.file_size else len(data)}")
        if zlib.crc32(data) != info.CRC:
            raise Error("MN-IN-ZIP-CRC", f"{self.path}: the entry '{name}' does not match its CRC")
        return data

    def read_json(self, name: str):
        if name not in self.entries:
            raise Error("MN-IN-ZIP-MISSING", f"{self.path} has no entry '{name}'; write the file with torch.export.save of torch >= 2.9")
        return parse_json(self.read(name), f"{self.path}: {name}")

    def storage(self, name: str) -> memoryview:
        """Mapped bytes of a stored tensor."""
        if name not in self.entries:
            raise Error("MN-IN-ZIP-MISSING", f"{self.path} has no entry '{name}'")
        info, begin = self.entries[name]
        if info.compress_type != zipfile.ZIP_STORED:
            return memoryview(self.read(name))
        return self.view[begin : begin + info.file_size]

    def check_tensors(self) -> None:
        """Compares the bytes of all tensors with their CRC (may run in a thread: zlib releases the interpreter)."""
        for name, (info, begin) in self.entries.items():
            if name.startswith(("data/weights/", "data/constants/")) and info.compress_type == zipfile.ZIP_STORED:
                if zlib.crc32(self.view[begin : begin + info.file_size]) != info.CRC:
                    raise Error("MN-IN-ZIP-CRC", f"{self.path}: the entry '{name}' does not match its CRC")

    def tensors(self, folder: str, model: str) -> dict:
        """Name -> TensorData of data/weights or data/constants."""
        config = self.read_json(f"data/{folder}/model_{folder}_config.json" if model == "model" else f"data/{folder}/{model}_{folder}_config.json")
        result = {}
        for name, entry in config["config"].items():
            if entry.get("use_pickle") or entry.get("tensor_meta") is None:
                raise Error("MN-IN-ZIP-PICKLE", f"{self.path}: '{name}' is stored as a pickle, which is never opened; use plain dense tensors")
            result[name] = self._tensor(name, f"data/{folder}/{entry['path_name']}", entry["tensor_meta"])
        return result

    def _tensor(self, name: str, entry: str, meta: dict) -> TensorData:
        element = BY_SERIALIZED.get(meta["dtype"])
        numbers = [s.get("as_int") for s in [*meta["sizes"], *meta["strides"], meta["storage_offset"]]]
        if element is None or any(not isinstance(n, int) or n < 0 for n in numbers) or len(meta["sizes"]) != len(meta["strides"]):
            raise Error("MN-FE-DTYPE", f"the tensor '{name}' has an unknown type or shape (scalar type {meta['dtype']})")
        rank = len(meta["sizes"])
        shape, strides, offset = tuple(numbers[:rank]), tuple(numbers[rank:-1]), numbers[-1]
        storage = self.storage(entry)
        last = offset + sum((d - 1) * s for d, s in zip(shape, strides))
        if all(shape) and (last + 1) * element.size > len(storage):
            raise Error("MN-IN-ZIP-SIZE", f"{self.path}: the tensor '{name}' needs {(last + 1) * element.size} bytes of '{entry}', which has {len(storage)}")
        return TensorData(TensorType(shape, element.mlir), storage, strides, offset, key=entry)


def parse_json(data: bytes, where: str):
    """JSON without duplicate keys, non-finite numbers or excessive depth."""

    def unique(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key occurs twice in one object")
        return result

    def refuse(text):
        raise ValueError(f"the number {text} is not JSON")

    try:
        return json.loads(data, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Error("MN-IN-JSON-TEXT", f"{where} is not valid JSON: {error}") from None
