"""The Mamba kernels of the NKI tutorial (batch 1, sequence 512, state 16, fp32): version 1 loops over states outside and reloads its inputs, version 2 over channels.

B and C are rows; pe broadcasts each into PSUM as a product with ones, so the two multiplications with them take one cycle an element. Inputs of a step have one
buffer: the next load is asked for when the last one is consumed. What pe and se make for ve has two.
"""
from assembly import PARTITIONS, Assembly, rows, tile

SEQUENCE, STATES = 512, 16
ROW = SEQUENCE * 4
BANK = 2048
# SBUF, bytes in a partition. DELTA_A has two buffers; TOTAL is the place of the sums.
ONES, A, DELTA, U, B, C, DELTA_A, DELTA_U, DELTA_B_U, SCANNED, SCANNED_C, TOTAL = 0, 512, *(1024 + ROW * i for i in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10))

# Semaphores. Loads: s0 delta, s1 A, s2 u, s3 B, s4 C. se: s5 exp. ve: s6 deltaU, s7 deltaBu, s8 scan, s9 scanC, s10 sums, s11 ones. pe: s12 B, s13 C. s14 stores.
# s7, s8 and s9 have two credits: their operands have two buffers.


def sbuf(offset, register="", width=SEQUENCE, partitions=PARTITIONS):
    return tile("sbuf", "f32", width, offset, register, partitions)


def psum(bank, register):
    return tile("psum", "f32", SEQUENCE, bank * BANK, register)


def program(name, chip, channels):
    assembly = Assembly(name, chip)
    for region in ("delta", "u"):
        assembly.region(region, "input", "f32", [channels, SEQUENCE])
    assembly.region("A", "input", "f32", [channels, STATES])
    for region in ("B", "C"):
        assembly.region(region, "input", "f32", [STATES, SEQUENCE])
    assembly.region("out", "output", "f32", [channels, SEQUENCE])
    return assembly


def load_delta(ring, wait):
    """delta of the channels at row r1 (bytes)."""
    ring.add(f"dma_load dst={sbuf(DELTA)} src={rows('delta', 'f32', ROW, SEQUENCE, 'r1')}", wait=wait, signal="s0")


def load_u(ring, wait):
    """u of the channels at row r1 (bytes)."""
    ring.add(f"dma_load dst={sbuf(U)} src={rows('u', 'f32', ROW, SEQUENCE, 'r1')}", wait=wait, signal="s2")


def load_a(ring):
    """One element a channel: state and channels at r2 (bytes)."""
    ring.add(f"dma_load dst={sbuf(A, width=1)} src={rows('A', 'f32', STATES * 4, 1, 'r2')}", wait="s5>=0+r5", signal="s1")


def load_rows(ring):
    """The rows of B and C at r3 (bytes)."""
    ring.add(f"dma_load dst={sbuf(B, partitions=1)} src={rows('B', 'f32', ROW, SEQUENCE, 'r3', count=1)}", wait="s12>=0+r5", signal="s3")
    ring.add(f"dma_load dst={sbuf(C, partitions=1)} src={rows('C', 'f32', ROW, SEQUENCE, 'r3', count=1)}", wait="s13>=0+r5", signal="s4")


def broadcast(pe, steps):
    """PSUM banks 0 and 1 take B, 2 and 3 take C."""
    ones = tile("sbuf", "f32", PARTITIONS, ONES, partitions=1)
    pe.wait("s11>=1")
    with pe.loop(steps):
        pe.step("r5", 1)
        for bank, row, loaded, free, done in ((0, B, "s3", "s7", "s12"), (2, C, "s4", "s9", "s13")):
            pe.wait(f"{free}>=0+r5")
            pe.add(f"matmul acc={psum(bank, 'r1')} stationary={ones} moving={sbuf(row, partitions=1)}", wait=f"{loaded}>=0+r5", signal=done)
        pe.rotate("r1", BANK, 2 * BANK)


def exponential(se):
    """exp(A delta) for the next state."""
    se.step("r5", 1)
    se.wait("s8>=0+r5")
    se.add(f"activate dst={sbuf(DELTA_A, 'r1')} src={sbuf(DELTA)} func=exp scaleKind=tile scale={sbuf(A, width=1)}", wait="s1>=0+r5", signal="s5")
    se.rotate("r1", ROW, 2 * ROW)


def ones_and_credits(ve):
    ve.add(f"memset dst={tile('sbuf', 'f32', PARTITIONS, ONES, partitions=1)} value=1", signal="s11")
    for semaphore in ("s7", "s8", "s9"):
        ve.credit(semaphore, 2)


def delta_u(ve):
    ve.add(f"tensor_tensor dst={sbuf(DELTA_U)} a={sbuf(DELTA)} b={sbuf(U)} op=mul", wait="s2>=0+r6", signal="s6")


def state(ve, total):
    """One state of 128 channels: deltaBu, scan, product with C, sum into `total`. r5 counts states, r1 and r2 are the buffers of pe and se."""
    ve.step("r5", 1)
    ve.add(f"tensor_tensor dst={sbuf(DELTA_B_U)} a={sbuf(DELTA_U)} b={psum(0, 'r1')} op=mul", wait="s12>=0+r5", signal="s7")
    ve.add(f"scan dst={sbuf(SCANNED)} a={sbuf(DELTA_A, 'r2')} b={sbuf(DELTA_B_U)} op0=mul op1=add", wait="s5>=0+r5", signal="s8")
    ve.add(f"tensor_tensor dst={sbuf(SCANNED_C)} a={sbuf(SCANNED)} b={psum(2, 'r1')} op=mul", wait="s13>=0+r5", signal="s9")
    ve.add(f"tensor_tensor dst={total} a={total} b={sbuf(SCANNED_C)} op=add", signal="s10")
    ve.rotate("r1", BANK, 2 * BANK)
    ve.rotate("r2", ROW, 2 * ROW)


def store(ring, source, **sync):
    """The sums of 128 channels at row r1 (bytes)."""
    ring.add(f"dma_store dst={rows('out', 'f32', ROW, SEQUENCE, 'r1')} src={source}", **sync)
    ring.step("r1", PARTITIONS * ROW)


def version1(chip, channels):
    """States outside, channels inside: delta and u are loaded again for every state, and their product is computed again."""
    blocks = channels // PARTITIONS
    assembly = program(f"mamba_v1_{channels}", chip, channels)
    ring, ve, se, stores = (assembly[name] for name in ("dma0", "ve", "se", "dma1"))
    with ring.loop(STATES):
        ring.set("r1", 0)
        ring.copy("r2", "r7")
        with ring.loop(blocks):
            # In the order of the kernel's text; each waits until the step before has consumed it.
            ring.wait("s6>=0+r5")
            load_delta(ring, "s5>=0+r5")
            load_a(ring)
            load_u(ring, "s6>=0+r5")
            load_rows(ring)
            ring.step("r1", PARTITIONS * ROW)
            ring.step("r2", PARTITIONS * STATES * 4)
            ring.step("r5", 1)
        ring.step("r3", ROW)
        ring.step("r7", 4)
    broadcast(assembly["pe"], STATES * blocks)
    with se.loop(STATES * blocks):
        se.step("r6", 1)
        se.wait("s0>=0+r6")
        exponential(se)
    ones_and_credits(ve)
    with ve.loop(blocks):
        ve.add(f"memset dst={sbuf(TOTAL, 'r3')} value=0")
        ve.step("r3", ROW)
    ve.set("r3", 0)
    with ve.loop(STATES * blocks):
        ve.step("r6", 1)
        ve.wait("s0>=0+r6")
        delta_u(ve)
        state(ve, sbuf(TOTAL, "r3"))
        ve.rotate("r3", ROW, blocks * ROW)
    with stores.loop(blocks):
        stores.step("r4", 1)
        store(stores, sbuf(TOTAL, "r3"), wait=f"s10>={(STATES - 1) * blocks}+r4")
        stores.step("r3", ROW)
    return assembly


def version2(chip, channels):
    """Channels outside: delta, u and their product serve all states."""
    blocks = channels // PARTITIONS
    assembly = program(f"mamba_v2_{channels}", chip, channels)
    ring, ve, se, stores = (assembly[name] for name in ("dma0", "ve", "se", "dma1"))
    with ring.loop(blocks):
        ring.wait("s6>=0+r6")
        load_delta(ring, "s5>=0+r5")
        load_u(ring, "s6>=0+r6")
        ring.set("r3", 0)
        ring.copy("r2", "r7")
        with ring.loop(STATES):
            load_a(ring)
            load_rows(ring)
            ring.step("r2", 4)
            ring.step("r3", ROW)
            ring.step("r5", 1)
        ring.step("r6", 1)
        ring.step("r1", PARTITIONS * ROW)
        ring.step("r7", PARTITIONS * STATES * 4)
    broadcast(assembly["pe"], STATES * blocks)
    with se.loop(blocks):
        se.step("r6", 1)
        se.wait("s0>=0+r6")
        with se.loop(STATES):
            exponential(se)
    ones_and_credits(ve)
    stores.credit("s14", 2)
    with ve.loop(blocks):
        ve.step("r6", 1)
        ve.wait("s14>=0+r6")
        ve.add(f"memset dst={sbuf(TOTAL, 'r3')} value=0")
        ve.wait("s0>=0+r6")
        delta_u(ve)
        with ve.loop(STATES):
            state(ve, sbuf(TOTAL, "r3"))
        ve.rotate("r3", ROW, 2 * ROW)
    with stores.loop(blocks):
        stores.step("r4", STATES)
        store(stores, sbuf(TOTAL, "r3"), wait="s10>=0+r4", signal="s14")
        stores.rotate("r3", ROW, 2 * ROW)
    return assembly
