"""Writes a tiled matrix product in our assembly: C[size, size] = A^T B with A and B stored contraction first, blocked so that operands are used while they are near.

A stays in SBUF, B comes in panels of 512 columns. Eight tiles of C are under way in the banks of PSUM: each piece of the panel (CHUNK blocks of the contraction) is
used for all of them before the next one.
"""

TILE, COLUMNS, BANKS, SLOTS, CHUNK = 128, 512, 8, 4, 4
BYTES = {"f32": 4, "bf16": 2, "f8e4m3": 1}
HOST = {"f32": "float32", "bf16": "bfloat16", "f8e4m3": "float8_e4m3fn"}


def instruction(text, wait=None, signal=None):
    """One line; `wait` is (semaphore, value)."""
    return f"  {text}" + (f" wait=s{wait[0]}>={wait[1]}" if wait and wait[1] > 0 else "") + (f" signal=s{signal}" if signal is not None else "")


class Product:
    """The streams of one product; tiles are numbered in the order in which they are finished: panels, in each row blocks.

    Semaphores: 0 A is loaded; 1 panels of B loaded; 3 tiles computed; 4 tiles evicted; 8 .. 8 + SLOTS - 1 slot of C is stored.
    """

    def __init__(self, size, dtype):
        self.size, self.dtype, self.bytes = size, dtype, BYTES[dtype]
        self.blocks, self.rows, self.panels = size // TILE, size // TILE, size // COLUMNS
        self.a = 0
        self.b = self.a + self.blocks * size * self.bytes
        self.c = self.b + self.blocks * COLUMNS * self.bytes

    def load(self, region, at, width, column, wait, signal):
        """[size, width] from `column` on: contraction blocks side by side in each partition."""
        row = self.size * self.bytes
        return instruction(
            f"dma_load dst=sbuf.{self.dtype}[0:{TILE}]+{at}{{[{width},{self.blocks}],[1,{width}]}}"
            f" src=@{region}.{self.dtype}+{column * self.bytes}{{[{row},{TILE}],[{TILE * row},{self.blocks}],[{self.bytes},{width}]}}", wait, signal)  # fmt: skip

    def load_a(self):
        yield self.load("a", self.a, self.size, 0, None, 0)

    def load_b(self):
        for panel in range(self.panels):
            yield self.load("b", self.b, COLUMNS, panel * COLUMNS, (3, panel * self.rows), 1)

    def bank(self, tile):
        return f"psum.f32[0:{TILE}]+{tile % BANKS * COLUMNS * 4}{{[1,{COLUMNS}]}}"

    def multiply(self):
        yield instruction("wait", (0, 1))
        for panel in range(self.panels):
            yield instruction("wait", (1, panel + 1))
            for first in range(0, self.rows, BANKS):
                for chunk in range(0, self.blocks, CHUNK):
                    for row in range(first, first + BANKS):
                        for k in range(chunk, chunk + CHUNK):
                            yield self.matmul(panel * self.rows + row, row, k)

    def matmul(self, tile, row, k):
        stationary = f"sbuf.{self.dtype}[0:{TILE}]+{self.a + (k * self.size + row * TILE) * self.bytes}{{[1,{TILE}]}}"
        moving = f"sbuf.{self.dtype}[0:{TILE}]+{self.b + k * COLUMNS * self.bytes}{{[1,{COLUMNS}]}}"
        text = f"matmul acc={self.bank(tile)} stationary={stationary} moving={moving}{' accumulate' if k else ''}"
        return instruction(text, None if k else (4, tile - BANKS + 1), 3 if k == self.blocks - 1 else None)

    def result(self, tile):
        return f"sbuf.f32[0:{TILE}]+{self.c + tile % SLOTS * COLUMNS * 4}{{[1,{COLUMNS}]}}"

    def evict(self):
        for tile in range(self.rows * self.panels):
            yield instruction("wait", (8 + tile % SLOTS, tile // SLOTS))
            yield instruction(f"copy dst={self.result(tile)} src={self.bank(tile)}", (3, tile + 1), 4)

    def store(self):
        for tile in range(self.rows * self.panels):
            panel, row = divmod(tile, self.rows)
            at = (row * TILE * self.size + panel * COLUMNS) * 4
            yield instruction(f"dma_store dst=@c.f32+{at}{{[{self.size * 4},{TILE}],[4,{COLUMNS}]}} src={self.result(tile)}", (4, tile + 1), 8 + tile % SLOTS)

    def text(self):
        shape = f"[{self.size}, {self.size}]"
        lines = [f".program gemm_{self.size}_{self.dtype}", ".chip mt1"]
        lines += [f".region {name} input {self.dtype} {shape} host {HOST[self.dtype]}" for name in "ab"]
        lines.append(f".region c output f32 {shape} host float32")
        for stream, body in (("dma0", self.load_a()), ("dma1", self.load_b()), ("pe", self.multiply()), ("ve", self.evict()), ("dma2", self.store())):
            lines += [f".stream {stream}", *(line for line in body if line.strip() != "wait"), "  halt"]
        return "\n".join(lines) + "\n"


def operations(size):
    """A fused multiply-add is two."""
    return 2 * size**3
