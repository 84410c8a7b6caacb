"""Every operator handler of the importer equals PyTorch (Architecture: the graph dialect has framework meaning). A case is a function and its inputs."""

import pytest
import torch
import torch.nn.functional as F
from importing import Function, check, flat, graph_of

from manaslu.frontend.operators import supported_operators

torch.manual_seed(7)
X = torch.randn(2, 3, 4)
Y = torch.randn(2, 3, 4)
POSITIVE = X.abs() + 0.5
ROW = torch.randn(4)
IDS = torch.tensor([[1, 0, 2], [2, 2, 1]])
INT = torch.arange(24).reshape(2, 3, 4) - 7
MASK = X > 0
IMAGE = torch.randn(1, 4, 6, 6)
SCALAR = torch.tensor(1.5)

CASES = {
    # element by element
    **{name: (getattr(torch, name), X) for name in "neg abs exp exp2 expm1 tanh sigmoid erf erfc sin cos floor ceil trunc sign square relu sgn".split()},
    **{name: (getattr(torch, name), POSITIVE) for name in "log log1p log2 log10 sqrt rsqrt reciprocal".split()},
    "silu": (F.silu, X), "gelu": (F.gelu, X), "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), X), "softplus": (F.softplus, 10 * X), "softplus beta": (lambda x: F.softplus(x, 2.0, 5.0), X),
    "leaky_relu": (F.leaky_relu, X), "elu": (F.elu, X), "selu": (F.selu, X), "relu6": (F.relu6, 4 * X), "hardtanh": (F.hardtanh, X), "hardsigmoid": (F.hardsigmoid, 3 * X), "hardswish": (F.hardswish, 3 * X),
    "mish": (F.mish, X), "logsigmoid": (F.logsigmoid, X), "prelu": (lambda x: F.prelu(x, torch.tensor([0.2])), X),
    "exp of integers": (torch.exp, IDS), "abs of integers": (torch.abs, INT), "neg of integers": (torch.neg, INT), "floor of integers": (torch.floor, INT), "trunc of integers": (torch.trunc, INT),
    "add": (torch.add, X, ROW), "add alpha": (lambda a, b: torch.add(a, b, alpha=3), X, Y), "add number": (lambda a: a + 2, X), "add of types": (torch.add, X, IDS[:, :, None]), "add bool": (torch.add, MASK, MASK),
    "add integers": (torch.add, INT, INT), "add 0-d": (torch.add, X, SCALAR), "integer plus float": (lambda a: a + 1.5, INT),
    "sub": (torch.sub, X, Y), "sub alpha": (lambda a, b: torch.sub(a, b, alpha=2), X, Y), "rsub": (lambda a: 1 - a, X), "rsub alpha": (lambda a: torch.rsub(a, 2, alpha=3), X), "rsub tensor": (torch.rsub, X, Y),
    "mul": (torch.mul, X, Y), "mul number": (lambda a: a * 0.5, X), "mul bool": (torch.mul, MASK, MASK), "mul 0-d": (torch.mul, X, SCALAR), "div": (torch.div, X, POSITIVE), "div number": (lambda a: a / 3, X),
    "div integers": (lambda a: a / 2, INT), "div floor": (lambda a, b: torch.div(a, b, rounding_mode="floor"), X, POSITIVE), "div trunc": (lambda a, b: torch.div(a, b, rounding_mode="trunc"), X, POSITIVE),
    "floor_divide": (torch.floor_divide, 5 * X, POSITIVE), "integer floor division": (lambda a: a // 3, INT), "integer trunc division": (lambda a: torch.div(a, 3, rounding_mode="trunc"), INT),
    "remainder": (torch.remainder, X, POSITIVE), "fmod": (torch.fmod, 5 * X, POSITIVE), "fmod integers": (lambda a: torch.fmod(a, 3), INT), "round": (torch.round, 3 * X), "round of integers": (torch.round, INT), "frac": (torch.frac, 3 * X), "remainder integers": (lambda a: a % 3, INT), "maximum": (torch.maximum, X, Y), "minimum": (torch.minimum, X, Y), "maximum bool": (torch.maximum, MASK, MASK),
    "minimum bool": (torch.minimum, MASK, MASK), "max other": (lambda a, b: torch.max(a, b), X, Y), "min other": (lambda a, b: torch.min(a, b), X, Y), "clamp": (lambda a: a.clamp(-0.5, 0.7), X),
    "clamp min": (lambda a: a.clamp(min=0.1), X), "clamp max": (lambda a: a.clamp_max(0.1), X), "clamp_min": (lambda a: a.clamp_min(0.1), X), "clamp tensors": (torch.clamp, X, -ROW.abs(), ROW.abs()),
    "clamp integers": (lambda a: a.clamp(0, 5), INT), **{f"pow {e}": (lambda a, e=e: a**e, POSITIVE) for e in (0.5, -0.5, -1, 1, 2, 3, 4, 1.7)}, "pow tensor": (torch.pow, POSITIVE, Y), "pow scalar": (lambda a: 2.0**a, X),
    "pow integers": (lambda a: a**2, INT), **{name: (getattr(torch, name), X, Y) for name in "eq ne lt le gt ge".split()}, "compare number": (lambda a: a > 0.3, X), "compare types": (torch.lt, INT, X),
    "compare integer with float": (lambda a: a > 2.5, INT), "compare bool": (torch.eq, MASK, MASK), "logical": (lambda a, b: torch.logical_xor(torch.logical_and(a, b > 0), torch.logical_or(b, a)), MASK, INT),
    "bitwise": (lambda a, b: (a & b) ^ (a | ~b), MASK, X < 1), "logical_not": (torch.logical_not, INT), "bool and true": (lambda a: a & torch.ones(2, 2, 3, 4, dtype=torch.bool), MASK),
    "bool or false": (lambda a: torch.zeros(2, 3, 4, dtype=torch.bool) | a, MASK), "bitwise number": (lambda a: (a & True) | False, MASK), "where": (torch.where, MASK, X, Y), "where number": (lambda m, x: torch.where(m, x, 0.0), MASK, X),
    "where numbers": (lambda m: torch.where(m, 1.0, 0.0), MASK), "where number first": (lambda m, x: torch.where(m, -1.0, x), MASK, X), "masked_fill": (lambda x, m: x.masked_fill(m, float("-inf")), X, MASK),
    "masked_fill tensor": (lambda x, m, s: x.masked_fill(m, s), X, MASK, SCALAR), "lerp": (lambda a, b: torch.lerp(a, b, 0.3), X, Y), "addcmul": (lambda a, b, c: torch.addcmul(a, b, c, value=0.5), X, X, Y),
    "addcdiv": (torch.addcdiv, X, X, POSITIVE), "isnan": (torch.isnan, X / X.relu()), "isinf": (torch.isinf, X / X.relu()), "isfinite": (torch.isfinite, X / X.relu()), "to bool": (lambda a: a.bool(), INT), "to float": (lambda a: a.float(), INT), "to bfloat16": (lambda a: a.bfloat16() * 2, X),
    "to integer": (lambda a: (a * 4).int(), X), "type_as": (lambda a, b: a.type_as(b), INT, X), "dropout": (lambda a: F.dropout(a, 0.5, False), X), "clone": (lambda a: a.clone().contiguous().detach() + 1, X),
    "bool to float": (lambda m: m.float(), MASK), "identity": (lambda a: a, X), "copies of one output": (lambda a: (a + 1, a, a), X), "in place": (lambda a: (a + 1).mul_(2).add_(a).relu_(), X),
    "in place on a view": (lambda a: _write_row(a), X), "in place after a view": (lambda a: _write_under_view(a), X), "bfloat16 arithmetic": (lambda a: a * 1.5 + 0.1, X.bfloat16()), "fill": (lambda a: torch.fill(a, 2.0), X),
    # products
    "matmul": (torch.matmul, X, torch.randn(4, 5)), "matmul batch": (torch.matmul, X, torch.randn(2, 4, 5)), "matmul broadcast": (torch.matmul, torch.randn(5, 1, 3, 4), torch.randn(2, 4, 6)),
    "matmul matrix with batch": (torch.matmul, torch.randn(3, 4), torch.randn(2, 4, 6)), "matvec": (torch.matmul, X, ROW), "vecmat": (torch.matmul, ROW, torch.randn(2, 4, 5)), "dot": (torch.dot, ROW, ROW + 1),
    "mm": (torch.mm, torch.randn(3, 4), torch.randn(4, 5)), "bmm": (torch.bmm, X, torch.randn(2, 4, 5)), "mv": (torch.mv, torch.randn(3, 4), ROW), "addmm": (torch.addmm, torch.randn(5), torch.randn(3, 4), torch.randn(4, 5)),
    "addmm scaled": (lambda a, b, c: torch.addmm(a, b, c, beta=0.5, alpha=2), torch.randn(3, 5), torch.randn(3, 4), torch.randn(4, 5)), "baddbmm": (torch.baddbmm, torch.randn(2, 3, 5), X, torch.randn(2, 4, 5)),
    "baddbmm beta 0": (lambda a, b, c: torch.baddbmm(a, b, c, beta=0), torch.randn(2, 3, 5), X, torch.randn(2, 4, 5)), "addmv": (torch.addmv, torch.randn(3), torch.randn(3, 4), ROW),
    "linear": (F.linear, X, torch.randn(5, 4), torch.randn(5)), "linear without bias": (F.linear, X, torch.randn(5, 4)), "linear of a vector": (F.linear, ROW, torch.randn(5, 4), torch.randn(5)), "linear to a number": (F.linear, X, ROW),
    "einsum": (lambda a, b: torch.einsum("bij,bkj->bik", a, b), X, Y), "outer": (torch.outer, ROW, ROW),
    # convolutions and pooling
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), IMAGE, torch.randn(8, 4, 3, 3), torch.randn(8)), "conv2d groups": (lambda x, w: F.conv2d(x, w, groups=2, dilation=2), IMAGE, torch.randn(6, 2, 3, 3)),
    "conv2d same": (lambda x, w: F.conv2d(x, w, padding="same"), IMAGE, torch.randn(8, 4, 2, 3)), "conv2d valid": (lambda x, w: F.conv2d(x, w, padding="valid"), IMAGE, torch.randn(8, 4, 2, 3)),
    "conv2d single": (F.conv2d, IMAGE[0], torch.randn(8, 4, 3, 3)), "depthwise": (lambda x, w: F.conv2d(x, w, groups=4, padding=(1, 0)), IMAGE, torch.randn(4, 1, 3, 3)),
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), torch.randn(2, 3, 9), torch.randn(5, 3, 3), torch.randn(5)), "conv1d same": (lambda x, w: F.conv1d(x, w, padding="same"), torch.randn(2, 3, 9), torch.randn(5, 3, 3)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE), "max_pool2d dilated": (lambda x: F.max_pool2d(x, 2, 1, 0, 2), IMAGE), "max_pool2d ceil": (lambda x: F.max_pool2d(x, 3, 2, 0, 1, True), IMAGE),
    "max_pool2d single": (lambda x: F.max_pool2d(x, 2), IMAGE[0]), "max_pool1d": (lambda x: F.max_pool1d(x, 2), torch.randn(2, 3, 8)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), IMAGE), "avg_pool2d padded": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGE), "avg_pool2d inner": (lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), IMAGE),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE), "adaptive_avg_pool2d 3": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), IMAGE), "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 2), X),
    # attention
    "attention": (F.scaled_dot_product_attention, torch.randn(2, 3, 5, 4), torch.randn(2, 3, 6, 4), torch.randn(2, 3, 6, 4)),
    "attention causal": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), *torch.randn(3, 1, 2, 5, 4)), "attention scale": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3), *torch.randn(3, 1, 2, 5, 4)),
    "attention bool mask": (lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m > -1), *torch.randn(3, 1, 2, 5, 4), torch.randn(1, 1, 5, 5)),
    "attention float mask": (F.scaled_dot_product_attention, *torch.randn(3, 1, 2, 5, 4), torch.randn(5, 5)),
    "attention expanded mask": (lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, (m > -1)[:, None, None].expand(2, 1, 5, 5)), *torch.randn(3, 2, 2, 5, 4), torch.randn(2, 5)),
    "attention constant mask": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(5, 5, dtype=torch.bool).tril()), *torch.randn(3, 1, 2, 5, 4)),
    "attention float causal mask": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.full((5, 5), float("-inf")).triu(1)), *torch.randn(3, 1, 2, 5, 4)),
    "attention window": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(5, 5, dtype=torch.bool).tril().triu(-2)), *torch.randn(3, 1, 2, 5, 4)),
    "attention all true mask": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(5, 5, dtype=torch.bool)), *torch.randn(3, 1, 2, 5, 4)),
    "attention of three dimensions": (F.scaled_dot_product_attention, *torch.randn(3, 2, 5, 4)), "attention of other value size": (F.scaled_dot_product_attention, *torch.randn(2, 1, 2, 5, 4), torch.randn(1, 2, 5, 6)),
    "attention one head of keys": (F.scaled_dot_product_attention, torch.randn(2, 6, 5, 4), *torch.randn(2, 2, 1, 5, 4)),
    "attention broadcast heads": (F.scaled_dot_product_attention, torch.randn(1, 1, 5, 4), torch.randn(1, 4, 5, 4), torch.randn(1, 1, 5, 4)),
    "attention grouped": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), torch.randn(1, 4, 5, 4), *torch.randn(2, 1, 2, 5, 4)),
    "attention repeated heads": (lambda q, k, v: F.scaled_dot_product_attention(q, _repeat_heads(k, 2), _repeat_heads(v, 2)), torch.randn(1, 4, 5, 4), *torch.randn(2, 1, 2, 5, 4)),
    "attention spelled out": (lambda q, k, v: torch.softmax(q @ k.transpose(-1, -2) / 2 + torch.full((5, 5), -1e9).triu(1), -1) @ v, *torch.randn(3, 1, 2, 5, 4)),
    # norms
    "layer_norm": (lambda x, w: F.layer_norm(x, (4,), w, w * 2), X, ROW), "layer_norm plain": (lambda x: F.layer_norm(x, (3, 4)), X), "layer_norm weight": (lambda x, w: F.layer_norm(x, (4,), w), X, ROW),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w, 1e-6), X, ROW), "rms_norm plain": (lambda x: F.rms_norm(x, (4,)), X), "rms_norm spelled out": (lambda x, w: w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)), X, ROW),
    "rms_norm squared": (lambda x: torch.rsqrt((x * x).mean((-1,), True) + 1e-5) * x, X), "batch_norm": (lambda x, w: F.batch_norm(x, w, w.abs(), w, w, eps=1e-3), IMAGE, ROW), "batch_norm plain": (lambda x, w: F.batch_norm(x, w, w.abs()), IMAGE, ROW),
    "batch_norm of vectors": (lambda x, w: F.batch_norm(x, w, w.abs()), torch.randn(5, 4), ROW), "group_norm": (lambda x, w: F.group_norm(x, 2, w, w), IMAGE, ROW), "group_norm plain": (lambda x: F.group_norm(x, 2), IMAGE),
    "instance_norm": (lambda x, w: F.instance_norm(x, weight=w), IMAGE, ROW), "softmax": (lambda x: F.softmax(x, 1), X), "log_softmax": (lambda x: F.log_softmax(x, -1), X), "softmax of bfloat16 in float": (lambda x: F.softmax(x, -1, dtype=torch.float32), X.bfloat16()),
    "logsumexp": (lambda x: torch.logsumexp(x, 1), X), "logsumexp of infinities": (lambda x: torch.logsumexp(torch.where(x[..., :1] > 0, x, float("-inf")), 2), X), "logsumexp keepdim": (lambda x: torch.logsumexp(x, (1, 2), True), X), "normalize": (lambda x: F.normalize(x, dim=-1), X), "cosine_similarity": (F.cosine_similarity, X, Y),
    # reductions
    "sum": (torch.sum, X), "sum dims": (lambda x: x.sum((0, -1), keepdim=True), X), "sum of bool": (lambda m: m.sum(1), MASK), "sum of integers": (lambda a: a.sum(-1), INT), "mean": (torch.mean, X), "mean dim": (lambda x: x.mean(1), X),
    "amax": (lambda x: x.amax((0, 2)), X), "amin": (lambda x: x.amin(-1, True), X), "max": (torch.max, X), "min": (torch.min, X), "max dim": (lambda x: tuple(torch.max(x, 1)), X), "min dim": (lambda x: tuple(torch.min(x, 2, True)), X),
    "max values only": (lambda x: torch.max(x, 1).values, X), "argmax": (torch.argmax, X), "argmax dim": (lambda x: x.argmax(1), X), "argmax keepdim": (lambda x: x.argmax(-1, True), X), "argmin": (lambda x: x.argmin(-1), X), "argmin of integers": (lambda x: x.argmin(1), INT),
    "any": (lambda m: m.any(), MASK), "any dim": (lambda m: m.any(1), MASK), "all": (lambda m: m.all(-1, True), MASK), "any of integers": (lambda a: a.any(1), INT), "var": (lambda x: x.var(-1), X), "var biased": (lambda x: x.var((1, 2), unbiased=False, keepdim=True), X),
    "std": (lambda x: x.std(1), X), "var_mean": (lambda x: torch.var_mean(x, -1, correction=0), X), "norm": (lambda x: torch.linalg.vector_norm(x, dim=-1), X), "norm 1": (lambda x: torch.linalg.vector_norm(x, 1, -1), X),
    "norm inf": (lambda x: torch.linalg.vector_norm(x, float("inf"), (1, 2)), X), "cumsum": (lambda x: x.cumsum(1), X), "cumsum of bool": (lambda m: m.cumsum(-1), MASK),
    # shapes
    "view": (lambda x: x.view(6, -1) + 1, X), "reshape": (lambda x: x.transpose(0, 1).reshape(3, 8), X), "flatten": (lambda x: x.flatten(1), X), "unflatten": (lambda x: x.unflatten(-1, (2, 2)), X), "permute": (lambda x: x.permute(2, 0, -2), X),
    "transpose": (lambda x: x.transpose(-1, 0), X), "t": (lambda x: x.t(), X[0]), "mT": (lambda x: x.mT, X), "movedim": (lambda x: x.movedim(0, 2), X), "unsqueeze": (lambda x: x[None, ..., None], X), "squeeze": (lambda x: x.squeeze(1).squeeze(), X[:, :1]),
    "squeeze dims": (lambda x: x.squeeze((0, 1)), X[:1, :1]), "expand": (lambda x: x.expand(5, 2, 3, 4) * 1, X), "expand_as": (lambda x, y: x.expand_as(y), ROW, X), "repeat": (lambda x: x.repeat(2, 1, 3, 1), X), "repeat_interleave": (lambda x: x.repeat_interleave(3, 1), X),
    "repeat_interleave flat": (lambda x: x.repeat_interleave(2), X), "tile": (lambda x: x.tile(2, 3), X), "slice": (lambda x: x[:, 1:, ::2], X), "slice negative": (lambda x: x[:, -2:-1], X), "narrow": (lambda x: x.narrow(1, 1, 2), X), "select": (lambda x: x[:, -1], X),
    "split": (lambda x: torch.split(x, 2, 1), X), "split sizes": (lambda x: x.split([1, 3], -1)[1], X), "chunk": (lambda x: x.chunk(2, 2), X), "unbind": (lambda x: x.unbind(1), X), "cat": (lambda x, y: torch.cat([x, y, x], -2), X, Y),
    "cat of types": (lambda x, y: torch.cat([x, y], 0), X, INT), "cat of one": (lambda x: torch.cat([x]), X), "cat with empty": (lambda x: torch.cat([torch.zeros(0), x.flatten()]), X), "stack": (lambda x, y: torch.stack([x, y], -1), X, Y), "flip": (lambda x: x.flip(-1, 0), X),
    "roll": (lambda x: x.roll(1, 2), X), "roll flat": (lambda x: x.roll(3), X), "slices of a factor": (lambda x: x.reshape(24)[5:17].reshape(3, 4) + x.reshape(4, 6)[1:, :4], X), "slice of slices": (lambda x: x[:, ::2, 1::2].flatten()[1::2], X), "roll dims": (lambda x: x.roll((1, -1), (0, 1)), X), "pad": (lambda x: F.pad(x, (1, 2, 0, 1), value=3.0), X), "pad negative": (lambda x: F.pad(x, (-1, 1)), X),
    "pad bool": (lambda m: F.pad(m, (1, 1), value=True), MASK), "diff": (lambda x: x.diff(), X), "diff prepend": (lambda x: x.diff(dim=1, prepend=x[:, :1]), X), "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), IMAGE), "upsample": (lambda x: F.interpolate(x, scale_factor=2), IMAGE),
    "slice_scatter": (lambda x, y: torch.slice_scatter(x, y, 1, 1, 2), X, Y[:, :1]), "select_scatter": (lambda x, y: torch.select_scatter(x, y, 1, -1), X, Y[:, 0]), "meshgrid": (lambda a, b: torch.meshgrid(a, b, indexing="ij"), ROW, ROW + 1),
    "tril": (lambda x: x.tril(), X), "triu": (lambda x: x.triu(1), X), "rotate half": (lambda x: torch.cat((-x[..., 2:], x[..., :2]), -1), X), "channel shuffle": (lambda x: F.channel_shuffle(x, 2), IMAGE),
    # made from nothing
    "arange": (lambda x: x + torch.arange(4), X), "zeros and ones": (lambda x: torch.zeros_like(x) + torch.ones(2, 1, 4) + x.new_full((4,), 2.0), X), "full": (lambda x: torch.full((300,), 0.5) * x[0, 0, 0], X), "scalar_tensor": (lambda x: x * torch.tensor(2.5), X),
    "large constant": (lambda x: x * torch.arange(100.0).sin(), torch.randn(100)), "expanded constant": (lambda x: x * torch.arange(100.0).expand(3, 100), torch.randn(3, 100)), "infinite constants": (lambda x: torch.minimum(x, torch.tensor([float("inf"), 0.0, float("-inf"), 1e-30])), X),
    "constant result": (lambda x: (x, torch.arange(3)), X), "one_hot": (lambda i: F.one_hot(i, 4), IDS),
    # tables
    "embedding": (F.embedding, IDS, torch.randn(3, 5)), "index_select": (lambda x, i: x.index_select(1, i), X, torch.tensor([2, 0])), "index": (lambda x, i: x[i], X[0], IDS), "index negative": (lambda x, i: x[:, i], X, torch.tensor([-1, 0])),
    "index two": (lambda x, i, j: x[:, i, j], X, IDS, IDS + 1), "index broadcast": (lambda x, i, j: x[i, j], X[0], IDS[:, :1].clone(), IDS), "index constant": (lambda x: x[:, torch.tensor([2, 0])], X), "index row": (lambda x: x[torch.arange(2)[:, None], torch.arange(3)], X),
    "index constants": (lambda x: x[torch.tensor([0, 1]), torch.tensor([2, 1])], X), "gather": (lambda x, i: x.gather(1, i), X[:, :, 0], IDS), "gather constant": (lambda x: x.gather(1, torch.tensor([[2], [0]])), X[:, :, 0]), "take_along": (lambda x: x.take_along_dim(x.argmax(-1, True), -1), X),
    "index of a computed table": (lambda x, i: (x * 2)[:, i], X, torch.tensor([2, 0, 1])), "index scalar": (lambda x, i: x.index_select(1, i), X, torch.tensor(1)), "index of a slice": (lambda x, i: x[1, :, 1:][i[:, 1:]], X, IDS),
    "last token": (lambda x, i: x[torch.arange(2), i], X, torch.tensor([1, 2])),
    # writes
    "index_copy": (lambda x, i, y: x.index_copy(1, i, y), X, torch.tensor([2]), Y[:, :1]), "index_copy several": (lambda x, i, y: x.index_copy(1, i, y), X, torch.tensor([2, 0]), Y[:, :2]), "index_copy constant": (lambda x, y: x.index_copy(1, torch.tensor([1, 2]), y), X, Y[:, :2]),
    "index_put of integers": (lambda x, i, y: _put(x, i, y), INT, torch.tensor([2, 0]), INT[:, 1:] * 5), "index_put of infinity": (lambda x, i, y: _put(x, i, y / 0), X, torch.tensor([2, 0]), Y[:, :2]),
    "index_put": (lambda x, i, y: x.index_put((i,), y), X[0], torch.tensor([0, 2]), Y[0, :2]), "index_put inner": (lambda x, i, y: _put(x, i, y), X, torch.tensor([1]), Y[:, :1]), "index_put mask": (lambda x, m: _put_mask(x, m), X, MASK), "setitem": (lambda x, y: _set(x, y), X, Y),
}  # fmt: skip


def _repeat_heads(x, times):
    batch, heads, length, size = x.shape
    return x[:, :, None].expand(batch, heads, times, length, size).reshape(batch, heads * times, length, size)


def _write_row(x):
    y = x + 1
    y[:, 1] = 0
    return y


def _write_under_view(x):
    y = x + 1
    view = y.view(6, 4)
    y.add_(1)
    return view * 2


def _put(x, index, value):
    y = x.clone()
    y[:, index] = value
    return y


def _put_mask(x, mask):
    y = x.clone()
    y[mask] = 0
    return y


def _set(x, value):
    y = x.clone()
    y[:, 1:, 0] = value[:, 1:, 0]
    return y


@pytest.mark.parametrize("name", CASES)
def test_equals_pytorch(name):
    function, *arguments = CASES[name]
    check(Function(function), *arguments)


GROUP = 20


@pytest.mark.parametrize("first", range(0, len(CASES), GROUP))
def test_core_form_equals_pytorch(first):
    """The same after a user's own run_decompositions(); one export of many cases at a time, because each costs a moment."""
    cases = list(CASES.values())[first : first + GROUP]
    counts = [len(arguments) for _, *arguments in cases]

    def all_of_them(*arguments):
        remaining, results = iter(arguments), []
        for (function, *_), count in zip(cases, counts):
            results += flat(function(*[next(remaining) for _ in range(count)]))
        return tuple(results)

    check(all_of_them, *[argument.clone() for _, *arguments in cases for argument in arguments], core=True)


@pytest.mark.parametrize("name", ["attention constant mask", "attention float causal mask"])
def test_known_causal_mask_becomes_an_attribute(name):
    """A causal mask known at compile time counts the unmasked part only (interfaces.md, the bound)."""
    function, *arguments = CASES[name]
    graph = graph_of(Function(function), *arguments)
    assert [a.get("causal") for _, op, _, a, *_ in graph.operations() if op == "attention"] == [True]


@pytest.mark.parametrize("name, operation, count", [
    ("attention repeated heads", "attention", 1), ("rms_norm spelled out", "rms_norm", 1), ("rms_norm squared", "rms_norm", 1), ("dropout", None, 0), ("attention all true mask", "attention", 1),
])  # fmt: skip
def test_keeps_whole_operators(name, operation, count):
    """Operators that a model spells out become the whole one, alone."""
    function, *arguments = CASES[name]
    names = graph_of(Function(function), *arguments).names()
    assert len(names) == count and (operation is None or names == [operation])


def test_gelu_of_gpt2():
    """GPT-2's gelu arrives as pow, mul, add and tanh (frontends.md 1.2) and is one operation again."""
    x = torch.randn(3, 5)
    graph = check(Function(lambda x: 0.5 * x * (1.0 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * torch.pow(x, 3.0))))), x)
    assert graph.names() == ["gelu"]


def test_every_handler_has_a_case(monkeypatch):
    """Each operator of `list-operators` is reached by a case above or by the names below, which export rewrites or which only large tensors reach."""
    from manaslu.frontend.importer import Importer

    seen = set()
    original = Importer._import
    monkeypatch.setattr(Importer, "_import", lambda self, node: (seen.add(node.target), original(self, node))[1])
    for function, *arguments in CASES.values():
        graph_of(Function(function), *arguments)
    missing = {name for name in supported_operators() if name not in seen}
    print(len(missing), sorted(missing))
