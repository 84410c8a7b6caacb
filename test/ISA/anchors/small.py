"""Anchors of one rule each: dependent activations, one DMA, transfers with rows of one size."""
from assembly import Assembly, rows, tile

ACTIVATIONS = 10000
TRANSFERS = 512
BUFFERS = 16


def activations(chip):
    """Activations of one element, each of which reads what the one before writes."""
    assembly = Assembly("dependent_activations", chip)
    value = tile("sbuf", "f32", 1)
    assembly["ve"].add(f"memset dst={value} value=0", signal="s0")
    assembly["se"].wait("s0>=1")
    with assembly["se"].loop(ACTIVATIONS):
        assembly["se"].add(f"activate dst={value} src={value} func=identity")
    return assembly


def single_transfer(chip):
    """One DMA of a row of 32 KiB."""
    assembly = Assembly("single_dma", chip)
    assembly.region("x", "input", "bf16", [1, 16384])
    assembly["dma0"].add(f"dma_load dst={tile('sbuf', 'bf16', 16384, partitions=1)} src={rows('x', 'bf16', 32768, 16384, count=1)}")
    return assembly


def bandwidth(chip, row_bytes):
    """Transfers of 128 rows in a queue that never runs dry."""
    assembly = Assembly(f"dma_rows_{row_bytes}", chip)
    assembly.region("x", "input", "bf16", [128, row_bytes // 2])
    ring, signals = assembly["dma0"], assembly["dma1"]
    signals.credit("s0", BUFFERS)
    with ring.loop(TRANSFERS):
        ring.step("r2", 1)
        ring.add(f"dma_load dst={tile('sbuf', 'bf16', row_bytes // 2, 0, 'r1')} src={rows('x', 'bf16', row_bytes, row_bytes // 2)}", wait="s0>=0+r2", signal="s0")
        ring.rotate("r1", row_bytes, BUFFERS * row_bytes)
    return assembly
