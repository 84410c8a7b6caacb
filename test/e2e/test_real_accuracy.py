"""Accuracy on real data (issue "Data types", "Real accuracy, on real weights and data"): what types cost is measured in what a model is for. The chip is mt2, simulated."""

import accuracy
import pytest
import torch

TABLES = {"fp8 tensor scales": accuracy.TENSOR_SCALES, "fp8 row scales": accuracy.ROW_SCALES}


def on_host(model, rows):
    """PyTorch in fp32, as a function of so many rows."""

    def run(*inputs):
        with torch.no_grad():
            return model(*inputs)

    run.rows = rows
    return run


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_digits(kind):
    """Trained on digits to >= 97 %; fp8 loses at most one point of 450 images' accuracy without a search, the search's table at most half a point."""
    model, example = accuracy.digits_model(kind), (accuracy.digits()[2][:75],)
    exact = accuracy.accuracy(on_host(model, 75))
    assert exact >= 97
    for name, precision in {**{kind: kind for kind in accuracy.TYPES}, **TABLES, "searched": accuracy.searched_digits(kind)}.items():
        own = accuracy.accuracy(accuracy.compiled(model, example, precision))
        print(f"{kind}, {name}: {own:.2f} %, fp32 on the host {exact:.2f} %")
        assert own >= exact - {"fp8_e4m3": 1, **dict.fromkeys(TABLES, 1)}.get(name, 0.5), name


def test_character_gpt():
    """Perplexity of held-out text. 16-bit types move logits by less than a thousandth, fp8 by a few hundredths, and perplexity by less than the share of that: both bounds leave a factor of four to what was seen."""
    model, example = accuracy.character_gpt(), (accuracy.text()[1][:8, :-1].contiguous(),)
    exact = accuracy.perplexity(on_host(model, 8))
    assert exact < 25  # it has learnt: 128 would be chance
    for name, precision in {**{kind: kind for kind in accuracy.TYPES}, **TABLES, "searched": accuracy.searched_gpt()}.items():
        own = accuracy.perplexity(accuracy.compiled(model, example, precision))
        print(f"character GPT, {name}: perplexity {own:.4f}, fp32 on the host {exact:.4f}")
        assert abs(own / exact - 1) <= (0.01 if "fp8" in name or name == "searched" else 0.001), name


def test_sentences():
    """MiniLM's embeddings of 200 sentences: cosine with fp32 (bf16 >= 0.9995, fp8 with row scales >= 0.99), and rank correlation of all 19,900 similarities."""
    model = accuracy.Embedder().eval()
    ids, mask = accuracy.encoded(accuracy.sentences(200))
    exact = accuracy.in_batches(on_host(model, 20), [ids, mask])
    for name, precision, cosine, ranks in (("bf16", "bf16", 0.9995, 0.999), ("fp8 row scales", accuracy.ROW_SCALES, 0.99, 0.99)):
        own = accuracy.in_batches(accuracy.compiled(model, (ids[:20], mask[:20]), precision), [ids, mask])
        least, mean = accuracy.cosines(exact, own)
        correlation = accuracy.rank_correlation(exact, own)
        print(f"MiniLM, {name}: cosine least {least:.6f}, mean {mean:.6f}; rank correlation {correlation:.5f}")
        assert mean >= cosine and least >= cosine - 0.01 and correlation >= ranks, name
