"""Evaluates graph-dialect text with PyTorch: an independent statement of what each operation means, to hold the importer to PyTorch without the compiler."""

import json
import re
import struct

import numpy
import torch
import torch.nn.functional as F

_TYPES = {"i1": torch.bool, "ui8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64}
_TYPES |= {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
_SAFETENSORS = {"F32": "f32", "F16": "f16", "BF16": "bf16", "I64": "i64", "I32": "i32", "I16": "i16", "I8": "i8", "U8": "ui8", "BOOL": "i1"}
_OPERATION = re.compile(r'^    (?:(%\d+) = )?"graph\.(\w+)"\(([^)]*)\)(?: <\{(.*)\}>)? : \((.*)\) -> (.+?) loc\((.*)\)$')
_ARGUMENT = re.compile(r'(%arg\d+): tensor<([^>]*)> \{graph\.name = "([^"]*)"\}')
_RESULT = re.compile(r'tensor<([^>]*)> \{graph\.name = "([^"]*)"\}')


def load_weights(path):
    """Tensors of a safetensors file, read with nothing but its specification."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    assert (8 + length) % 4096 == 0, "the data section starts on a page"
    result, end = {}, 0
    for name, entry in json.loads(data[8 : 8 + length]).items():
        begin, end = entry["data_offsets"]
        raw = bytearray(data[8 + length + begin : 8 + length + end])
        result[name] = torch.frombuffer(raw, dtype=_TYPES[_SAFETENSORS[entry["dtype"]]]).reshape(entry["shape"])
    return result


def tensor_type(text):
    """(shape, dtype) of "2x3xf32"."""
    *shape, dtype = text.removeprefix("tensor<").removesuffix(">").split("x")
    return tuple(int(d) for d in shape), _TYPES[dtype]


def _attributes(text):
    """Attributes of the generic form as Python values."""
    result = {}
    for key, value in re.findall(r'(\w+)(?: = ("(?:[^"\\]|\\.)*"|array<[^>]*>|dense<.*> : tensor<[^>]*>|[^,]+))?(?:, |$)', text or ""):
        if value == "":
            result[key] = True
        elif value.startswith('"'):
            result[key] = re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), value[1:-1])
        elif value.startswith("array<"):
            result[key] = [int(v) for v in value[len("array<i64") : -1].strip(" :").split(",") if v.strip()]
        elif value.startswith("dense<"):
            result[key] = _dense(*re.fullmatch(r"dense<(.*)> : (tensor<.*>)", value).groups())
        else:
            number = value.split(" : ")[0]
            result[key] = {"true": True, "false": False}.get(number, None)
            if result[key] is None:
                result[key] = int(number) if re.fullmatch(r"-?\d+", number) else _number(number, value.split(" : ")[1])
    return result


def _number(text, dtype):
    if text.startswith("0x"):
        width = {"f16": ("e", "H"), "f32": ("f", "I"), "f64": ("d", "Q")}.get(dtype)
        if width is None:  # bf16 is the upper half of f32
            return struct.unpack("<f", struct.pack("<I", int(text, 16) << 16))[0]
        return struct.unpack("<" + width[0], struct.pack("<" + width[1], int(text, 16)))[0]
    return float(text)


def _dense(text, type):
    shape, dtype = tensor_type(type)
    text = re.sub(r"0x[0-9A-F]+", lambda m: repr(_number(m[0], type.removesuffix(">").split("x")[-1].removeprefix("tensor<"))), text)
    value = torch.tensor(eval(text, {"true": True, "false": False, "inf": float("inf"), "nan": float("nan")}), dtype=dtype)
    return value.expand(shape)


_UNARY = {"neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "exp2": torch.exp2, "log": torch.log, "log1p": torch.log1p, "expm1": torch.expm1, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
          "reciprocal": torch.reciprocal, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "erf": torch.erf, "silu": F.silu, "relu": torch.relu, "sin": torch.sin, "cos": torch.cos,
          "floor": torch.floor, "round": torch.round, "sign": torch.sign, "logical_not": torch.logical_not, "square": torch.square}  # fmt: skip
_BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.true_divide, "pow": torch.pow, "max": torch.maximum, "min": torch.minimum, "remainder": torch.remainder, "floor_div": torch.floor_divide,
           "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_xor": torch.logical_xor}  # fmt: skip
_REDUCE = {"reduce_sum": torch.sum, "reduce_mean": torch.mean, "reduce_max": torch.amax, "reduce_min": torch.amin}


def _segments(operands, attributes, count):
    """Operands with None where the segment sizes say that an optional one is absent."""
    remaining = iter(operands)
    return [next(remaining) if present else None for present in attributes["operandSegmentSizes"][:count]]


def _padded(x, padding, value):
    top, left, bottom, right = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def _attention(q, k, v, a, mask=None):
    if a.get("causal"):
        assert mask is None
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=a.get("causal", False), scale=a["scale"], enable_gqa=a.get("enable_gqa", False))


def _evaluate(name, x, a, shape, dtype):
    """One operation: operands x, attributes a, the result's shape and type."""
    if name in _UNARY:
        return _UNARY[name](x[0])
    if name in _BINARY:
        assert x[0].dtype == x[1].dtype, f"{name} of {x[0].dtype} and {x[1].dtype}"
        if name == "div" and not x[0].is_floating_point():
            return torch.div(x[0], x[1], rounding_mode="trunc")
        return _BINARY[name](x[0], x[1])
    if name in _REDUCE:
        return _REDUCE[name](x[0], dim=a["axes"], keepdim=a.get("keepdims", False)).to(x[0].dtype)
    if name == "gelu":
        return F.gelu(x[0], approximate=a["approximate"])
    if name == "compare":
        assert x[0].dtype == x[1].dtype
        return getattr(torch, a["predicate"])(x[0], x[1])
    if name == "select":
        assert x[0].dtype == torch.bool and x[1].dtype == x[2].dtype
        return torch.where(x[0], x[1], x[2])
    if name == "cast":
        return x[0].to(dtype)
    if name == "constant":
        return a["value"]
    if name == "matmul":
        left = x[0].mT if a.get("transpose_a") else x[0]
        return left @ (x[1].mT if a.get("transpose_b") else x[1])
    if name == "linear":
        return F.linear(*x)
    if name == "conv2d":
        return F.conv2d(_padded(x[0], a["padding"], 0), x[1], x[2] if len(x) > 2 else None, a["strides"], 0, a["dilation"], a["groups"])
    if name == "max_pool2d":
        if a.get("ceil_mode"):
            return F.max_pool2d(x[0], a["kernel"], a["strides"], a["padding"][:2], a["dilation"], True)
        return F.max_pool2d(_padded(x[0], a["padding"], float("-inf")), a["kernel"], a["strides"], 0, a["dilation"])
    if name == "avg_pool2d":
        return F.avg_pool2d(x[0], a["kernel"], a["strides"], a["padding"][:2], False, a.get("count_include_pad", False))
    if name == "layer_norm":
        value, weight, bias = _segments(x, a, 3)
        return F.layer_norm(value, value.shape[value.dim() - a["normalized_rank"] :], weight, bias, a["eps"])
    if name == "group_norm":
        value, weight, bias = _segments(x, a, 3)
        return F.group_norm(value, a["groups"], weight, bias, a["eps"])
    if name == "rms_norm":
        return F.rms_norm(x[0], x[0].shape[-1:], x[1] if len(x) > 1 else None, a["eps"])
    if name == "batch_norm":
        return F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a["eps"])
    if name in ("softmax", "log_softmax"):
        return getattr(torch, name)(x[0], a["axis"])
    if name == "attention":
        return _attention(x[0], x[1], x[2], a, x[3] if len(x) > 3 else None)
    if name == "gather":
        return x[0].index_select(a["axis"], x[1].reshape(-1)).reshape(shape)
    if name in ("argmax", "argmin"):
        return getattr(torch, name)(x[0], a["axis"], a.get("keepdims", False))
    if name == "reshape":
        return x[0].reshape(shape)
    if name == "transpose":
        return x[0].permute(a["permutation"])
    if name == "slice":
        return x[0][tuple(slice(*bounds) for bounds in zip(a["starts"], a["limits"], a["strides"]))]
    if name == "concat":
        return torch.cat(x, a["axis"])
    if name == "pad":
        return F.pad(x[0], [n for pair in reversed(list(zip(a["low"], a["high"]))) for n in pair], value=a["value"])
    if name == "broadcast_to":
        return x[0].expand(shape)
    if name == "iota":
        view = [1] * len(shape)
        view[a["axis"]] = shape[a["axis"]]
        return torch.arange(shape[a["axis"]], dtype=dtype).reshape(view).expand(shape)
    if name == "cumsum":
        return torch.cumsum(x[0], a["axis"]).to(dtype)
    raise AssertionError(f"unknown operation graph.{name}")


class Graph:
    """Parsed graph text with its weights; `state` holds the values of graph.state_* between runs."""

    def __init__(self, text, weights):
        self.lines = text.splitlines()
        self.weights = weights
        self.arguments = [(ssa, *tensor_type(type), name) for ssa, type, name in _ARGUMENT.findall(self.lines[1])]
        self.result_types = {name: tensor_type(type) for type, name in _RESULT.findall(self.lines[1].split(") -> (")[1])}
        self.results = list(self.result_types)
        self.state = {}

    def operations(self):
        """(result, name, operands, attributes, result type, location) of every line."""
        for line in self.lines[2:-3]:
            match = _OPERATION.match(line)
            assert match, line
            yield match[1], match[2], [v for v in match[3].split(", ") if v], _attributes(match[4]), match[6], match[7]

    def names(self):
        return [name for _, name, *_ in self.operations()]

    def run(self, inputs):
        """Outputs by name for inputs in order of the signature; every result is checked against its declared type."""
        values, written = {}, {}
        for (ssa, shape, dtype, name), value in zip(self.arguments, inputs, strict=True):
            assert tuple(value.shape) == shape and value.dtype == dtype, f"input {name}"
            values[ssa] = value
        with torch.no_grad():
            for result, name, operands, attributes, type, _ in self.operations():
                x = [values[v] for v in operands]
                if name == "state_write":
                    written[attributes["name"]] = x[0].clone()
                    continue
                shape, dtype = tensor_type(type)
                if name in ("parameter", "state_read"):
                    made = self.weights[attributes["name"]] if name == "parameter" else self.state.get(attributes["name"], self.weights[attributes["name"]])
                else:
                    made = _evaluate(name, x, attributes, shape, dtype)
                assert tuple(made.shape) == shape and made.dtype == dtype, f"graph.{name} {attributes}: declared {type}, got {tuple(made.shape)} {made.dtype}"
                values[result] = made
        self.state |= written
        returned = self.lines[-3].strip().removeprefix("return").split(" : ")[0].split(",")
        return {name: values[ssa.strip()] for name, ssa in zip(self.results, returned)}


def evaluate_files(mlir_path, weights_path, inputs):
    """Outputs of a pair of files that the importer wrote, as numpy arrays in order."""
    with open(mlir_path, encoding="utf-8") as file:
        graph = Graph(file.read(), load_weights(weights_path))
    return [numpy.asarray(value) for value in graph.run([torch.from_numpy(v) for v in inputs]).values()]
