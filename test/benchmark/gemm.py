"""Writes a tiled matrix product in our assembly: C[size, size] = A^T B with A and B stored contraction first, B resident in SBUF, blocks of A streamed."""

TILE, COLUMNS, BANKS, SLOTS = 128, 512, 8, 4
BYTES = {"f32": 4, "bf16": 2, "f8e4m3": 1}
HOST = {"f32": "float32", "bf16": "bfloat16", "f8e4m3": "float8_e4m3fn"}


def instruction(text, wait=None, signal=None):
    """One line; `wait` is (semaphore, value)."""
    return f"  {text}" + (f" wait=s{wait[0]}>={wait[1]}" if wait and wait[1] > 0 else "") + (f" signal=s{signal}" if signal is not None else "")


class Product:
    """The streams of one product. Semaphores: 0 B is loaded; 1, 2 slot of A is loaded; 3 tiles computed; 4 tiles evicted; 8 .. 8 + SLOTS - 1 slot of C is stored."""

    def __init__(self, size, dtype):
        self.size, self.dtype, self.bytes = size, dtype, BYTES[dtype]
        self.blocks, self.rows, self.tiles = size // TILE, size // TILE, size // COLUMNS
        self.b = 0
        self.a = self.b + self.blocks * size * self.bytes
        self.c = self.a + 2 * self.blocks * TILE * self.bytes

    def a_slot(self, row):
        return self.a + row % 2 * self.blocks * TILE * self.bytes

    def load_b(self):
        size, width = self.size, self.bytes
        yield instruction(
            f"dma_load dst=sbuf.{self.dtype}[0:{TILE}]+{self.b}{{[{size},{self.blocks}],[1,{size}]}}"
            f" src=@b.{self.dtype}+0{{[{size * width},{TILE}],[{TILE * size * width},{self.blocks}],[{width},{size}]}}", signal=0)  # fmt: skip

    def load_a(self):
        size, width = self.size, self.bytes
        for row in range(self.rows):
            yield instruction(
                f"dma_load dst=sbuf.{self.dtype}[0:{TILE}]+{self.a_slot(row)}{{[{TILE},{self.blocks}],[1,{TILE}]}}"
                f" src=@a.{self.dtype}+{row * TILE * width}{{[{size * width},{TILE}],[{TILE * size * width},{self.blocks}],[{width},{TILE}]}}",
                (3, (row - 1) * self.tiles), 1 + row % 2)  # fmt: skip

    def bank(self, tile):
        return f"psum.f32[0:{TILE}]+{tile % BANKS * COLUMNS * 4}{{[1,{COLUMNS}]}}"

    def multiply(self):
        yield instruction("wait", (0, 1))
        for row in range(self.rows):
            yield instruction("wait", (1 + row % 2, row // 2 + 1))
            for column in range(self.tiles):
                tile = row * self.tiles + column
                for k in range(self.blocks):
                    stationary = f"sbuf.{self.dtype}[0:{TILE}]+{self.a_slot(row) + k * TILE * self.bytes}{{[1,{TILE}]}}"
                    moving = f"sbuf.{self.dtype}[0:{TILE}]+{self.b + (k * self.size + column * COLUMNS) * self.bytes}{{[1,{COLUMNS}]}}"
                    yield instruction(
                        f"matmul acc={self.bank(tile)} stationary={stationary} moving={moving}{' accumulate' if k else ''}",
                        None if k else (4, tile - BANKS + 1), 3 if k == self.blocks - 1 else None)  # fmt: skip

    def result(self, tile):
        return f"sbuf.f32[0:{TILE}]+{self.c + tile % SLOTS * COLUMNS * 4}{{[1,{COLUMNS}]}}"

    def evict(self):
        for tile in range(self.rows * self.tiles):
            yield instruction("wait", (8 + tile % SLOTS, tile // SLOTS))
            yield instruction(f"copy dst={self.result(tile)} src={self.bank(tile)}", (3, tile + 1), 4)

    def store(self):
        for tile in range(self.rows * self.tiles):
            row, column = divmod(tile, self.tiles)
            at = (row * TILE * self.size + column * COLUMNS) * 4
            yield instruction(f"dma_store dst=@c.f32+{at}{{[{self.size * 4},{TILE}],[4,{COLUMNS}]}} src={self.result(tile)}", (4, tile + 1), 8 + tile % SLOTS)

    def text(self):
        shape = f"[{self.size}, {self.size}]"
        lines = [f".program gemm_{self.size}_{self.dtype}", ".chip mt1"]
        lines += [f".region {name} input {self.dtype} {shape} host {HOST[self.dtype]}" for name in "ab"]
        lines.append(f".region c output f32 {shape} host float32")
        for stream, body in (("dma0", self.load_b()), ("dma1", self.load_a()), ("pe", self.multiply()), ("ve", self.evict()), ("dma2", self.store())):
            lines += [f".stream {stream}", *(line for line in body if line.strip() != "wait"), "  halt"]
        return "\n".join(lines) + "\n"


def operations(size):
    """A fused multiply-add is two."""
    return 2 * size**3
