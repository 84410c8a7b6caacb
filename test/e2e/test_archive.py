"""A `.pt2` is untrusted: every damage of its zip or JSON is a coded error before anything is opened (reliability.md, rows 32 to 34)."""

import io
import json
import struct
import zipfile

import pytest
import torch
from importing import export

from manaslu.frontend.diagnostics import Error
from manaslu.frontend.torch import import_file


@pytest.fixture(scope="module")
def good():
    """Entries of a small, good archive in order."""
    buffer = io.BytesIO()
    torch.export.save(export(torch.nn.Linear(4, 4), torch.randn(2, 4)), buffer)
    with zipfile.ZipFile(buffer) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def refused(path):
    with pytest.raises(Error) as caught:
        import_file(str(path))
    assert caught.value.exit_status == 6
    return caught.value.code


def pack(path, entries, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def root(good):
    return good[0][0].split("/")[0]


def test_repacked_archive_is_read(good, tmp_path):
    """The tests below damage what otherwise works, also deflated."""
    import_file(str(pack(tmp_path / "m.pt2", good)))
    import_file(str(pack(tmp_path / "m.pt2", good, compression=zipfile.ZIP_DEFLATED)))


def test_sample_inputs_are_never_opened(good, tmp_path):
    entries = [(name, b"not a pickle" if "sample_inputs" in name else data) for name, data in good]
    import_file(str(pack(tmp_path / "m.pt2", entries)))


@pytest.mark.parametrize("data", [b"", b"PK", b"hello world, this is no archive", b"\x7fELF" + bytes(100)])
def test_other_files(data, tmp_path):
    (tmp_path / "m.pt2").write_bytes(data)
    assert refused(tmp_path / "m.pt2") == "MN-IN-ZIP-STRUCTURE"


def test_folder_and_missing(tmp_path):
    assert refused(tmp_path) == "MN-IO-001"
    assert refused(tmp_path / "none.pt2") == "MN-IO-001"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated(good, tmp_path, share):
    path = pack(tmp_path / "m.pt2", good)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refused(path).startswith("MN-IN-ZIP-")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "{root}/../evil", "{root}/data/weights/../../../evil", "other/models/model.json", "{root}\\evil", "{root}/data/weights/\\..\\evil"])
def test_names_that_point_outside(good, tmp_path, name):
    assert refused(pack(tmp_path / "m.pt2", [*good, (name.format(root=root(good)), b"x")])) == "MN-IN-ZIP-NAME"


def test_symbolic_link(good, tmp_path):
    link = zipfile.ZipInfo(f"{root(good)}/data/weights/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    assert refused(pack(tmp_path / "m.pt2", [*good, (link, b"/etc/passwd")])) == "MN-IN-ZIP-NAME"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates(good, tmp_path):
    assert refused(pack(tmp_path / "m.pt2", [*good, good[0]])) == "MN-IN-ZIP-DUPLICATE"


def edit(path, name, field, format, value):
    """Overwrites a field of the central directory's record of the first entry with that name."""
    data = bytearray(path.read_bytes())
    at = data.rfind(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + field : at + field + struct.calcsize(format)] = struct.pack(format, value)
    path.write_bytes(data)


def test_encrypted(good, tmp_path):
    path = pack(tmp_path / "m.pt2", good)
    edit(path, good[0][0], 8, "<H", 1)
    assert refused(path) == "MN-IN-ZIP-METHOD"


@pytest.mark.parametrize("field, value", [(20, 1 << 30), (24, 1 << 30), (24, 3)])
def test_sizes_that_lie(good, tmp_path, field, value):
    path = pack(tmp_path / "m.pt2", good)
    edit(path, good[0][0], field, "<I", value)
    assert refused(path) == "MN-IN-ZIP-SIZE"


def test_bomb(good, tmp_path):
    """An entry that inflates to more than it claims, and one that claims more than the limit."""
    model = next(name for name, _ in good if name.endswith("models/model.json"))
    path = pack(tmp_path / "m.pt2", [(name, bytes(10 << 20) if name == model else data) for name, data in good], compression=zipfile.ZIP_DEFLATED)
    edit(path, model, 24, "<I", 100)
    assert refused(path) == "MN-IN-ZIP-SIZE"
    edit(path, model, 24, "<I", (1 << 32) - 2)
    assert refused(path) == "MN-IN-ZIP-SIZE"


def test_overlap(good, tmp_path):
    path = pack(tmp_path / "m.pt2", good)
    with zipfile.ZipFile(path) as archive:
        first, second = archive.infolist()[:2]
    edit(path, second.filename, 42, "<I", first.header_offset)
    assert refused(path) == "MN-IN-ZIP-STRUCTURE"  # the local header has another name


@pytest.mark.parametrize("part", ["data/weights/weight_0", "models/model.json"])
def test_flipped_bit(good, tmp_path, part):
    path = pack(tmp_path / "m.pt2", good)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{root(good)}/{part}")
    data[info.header_offset + 30 + len(info.filename) + info.file_size // 2] ^= 1
    path.write_bytes(data)
    assert refused(path) == "MN-IN-ZIP-CRC"


@pytest.mark.parametrize("name", ["data.pkl", "code/model.py", "data/weights/model.pt", "data/constants/model.pkl", "anything"])
def test_pickles_and_code(good, tmp_path, name):
    assert refused(pack(tmp_path / "m.pt2", [*good, (f"{root(good)}/{name}", b"\x80\x02.")])) == "MN-IN-ZIP-PICKLE"


def changed(good, name, change):
    return [(entry, change(data) if entry.endswith(name) else data) for entry, data in good]


def in_json(change):
    """Applies `change` to the parsed document."""

    def apply(data):
        document = json.loads(data)
        change(document)
        return json.dumps(document).encode()

    return apply


def test_pickled_weights_in_the_table(good, tmp_path):
    def pickle_all(document):
        for entry in document["config"].values():
            entry["use_pickle"] = True

    assert refused(pack(tmp_path / "m.pt2", changed(good, "model_weights_config.json", in_json(pickle_all)))) == "MN-IN-ZIP-PICKLE"


def test_tensor_past_its_storage(good, tmp_path):
    def grow(document):
        document["config"]["weight"]["tensor_meta"]["sizes"][0]["as_int"] = 1 << 40

    assert refused(pack(tmp_path / "m.pt2", changed(good, "model_weights_config.json", in_json(grow)))) == "MN-IN-ZIP-SIZE"


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"[" * 100000 + b"]" * 100000, b'{"a": 1e400, "b": [}', b"\xff\xfe"])
def test_bad_json(good, tmp_path, data):
    assert refused(pack(tmp_path / "m.pt2", changed(good, "models/model.json", lambda _: data))) == "MN-IN-JSON-TEXT"


@pytest.mark.parametrize("change", [
    lambda d: d.pop("graph_module"), lambda d: d["graph_module"]["graph"].pop("nodes"), lambda d: d["graph_module"]["graph"]["nodes"][0].pop("target"),
    lambda d: d["graph_module"]["graph"]["nodes"][0]["inputs"][0].update(arg={"as_tensor": {"name": "missing"}}), lambda d: d["graph_module"]["graph"].update(tensor_values=[]),
    lambda d: d["graph_module"]["signature"]["input_specs"][0].update(more={}), lambda d: d["graph_module"]["graph"]["nodes"][0].update(outputs=[{"as_tensor": {"name": "other"}}]),
    lambda d: d["graph_module"]["graph"]["nodes"][0]["inputs"].clear(), lambda d: d["graph_module"]["graph"]["tensor_values"]["linear"].update(sizes=[{"as_int": 3}]),
    lambda d: d.update(schema_version="8"), lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(parameter_name="none"),
])  # fmt: skip
def test_json_off_the_schema(good, tmp_path, change):
    with pytest.raises(Error) as caught:
        import_file(str(pack(tmp_path / "m.pt2", changed(good, "models/model.json", in_json(change)))))
    assert caught.value.code in ("MN-IN-JSON-SCHEMA", "MN-FE-OPERATOR")


def test_unknown_scalar_number(good, tmp_path):
    """A newer schema goes to PyTorch, whose refusal is a coded error."""

    def newer(document):
        document["schema_version"]["major"] = 99

    assert refused(pack(tmp_path / "m.pt2", changed(good, "models/model.json", in_json(newer)))) == "MN-FE-VERSION"


def test_missing_entries(good, tmp_path):
    for part in ("models/model.json", "model_weights_config.json", "data/weights/weight_0"):
        assert refused(pack(tmp_path / "m.pt2", [entry for entry in good if not entry[0].endswith(part)])) == "MN-IN-ZIP-MISSING"
