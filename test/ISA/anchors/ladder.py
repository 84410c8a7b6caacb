"""The first three matmul kernels of the NKI tutorial: [4096, 8192] x [8192, 8192] in bf16, lhs given transposed.

They keep one load group outstanding; the next is issued when it has arrived (in 2 and 3 the bursts of lhs columns are pipelined).
"""
from assembly import Assembly, rows, tile

M, K, N = 4096, 8192, 8192
TILE_M, TILE_K, TILE_N = 128, 128, 512
BANK, BANKS = 2048, 8
K_TILES = K // TILE_K
LHS_PITCH, RHS_PITCH, OUT_PITCH = M * 2, N * 2, N * 2  # bytes of a row in device memory
LHS_TILE, RHS_TILE, OUT_TILE = TILE_M * 2, TILE_N * 2, TILE_N * 2  # bytes of a tile in a partition
OUT_BUFFERS = 4


def program(name, chip):
    assembly = Assembly(name, chip)
    assembly.region("lhsT", "input", "bf16", [K, M])
    assembly.region("rhs", "input", "bf16", [K, N])
    assembly.region("out", "output", "bf16", [M, N])
    return assembly


def load_lhs(stream, destination, register, **sync):
    """One 128 x 128 tile of lhs."""
    stream.add(f"dma_load dst={destination} src={rows('lhsT', 'bf16', LHS_PITCH, TILE_M, register)}", **sync)


def load_rhs(stream, destination, register, **sync):
    """One 128 x 512 tile of rhs."""
    stream.add(f"dma_load dst={destination} src={rows('rhs', 'bf16', RHS_PITCH, TILE_N, register)}", **sync)


def matmul(stream, bank, stationary, moving, accumulate, **sync):
    flag = " accumulate" if accumulate else ""
    stream.add(f"matmul acc={tile('psum', 'f32', TILE_N, 0, bank)} stationary={stationary} moving={moving}{flag}", **sync)


def evict(assembly, tiles, done, per_tile, base, order):
    """ve copies each PSUM tile to SBUF as bf16 and a ring stores it: `done` counts matmuls (`per_tile` a tile), s3 counts free banks, s4 free buffers at `base`.
    `order(stream, store)` walks the result's tiles in the order of computation and calls `store` with their address in r1."""
    ve, ring = assembly["ve"], assembly["dma2"]
    ve.credit("s3", BANKS)
    ve.set("r1", 0)
    ve.set("r2", base)
    with ve.loop(tiles):
        ve.step("r3", per_tile)
        ve.step("r4", 1)
        ve.wait("s4>=0+r4")
        ve.add(f"copy dst={tile('sbuf', 'bf16', TILE_N, 0, 'r2')} src={tile('psum', 'f32', TILE_N, 0, 'r1')}", wait=f"{done}+r3", signal="s3")
        ve.rotate("r1", BANK, BANKS * BANK)
        ve.step("r2", -base)
        ve.rotate("r2", OUT_TILE, OUT_BUFFERS * OUT_TILE)
        ve.step("r2", base)
    ring.credit("s4", OUT_BUFFERS)
    ring.set("r2", base)

    def store():
        ring.step("r3", 1)
        ring.add(f"dma_store dst={rows('out', 'bf16', OUT_PITCH, TILE_N, 'r1')} src={tile('sbuf', 'bf16', TILE_N, 0, 'r2')}", wait=f"s3>={BANKS}+r3", signal="s4")
        ring.step("r2", -base)
        ring.rotate("r2", OUT_TILE, OUT_BUFFERS * OUT_TILE)
        ring.step("r2", base)

    order(ring, store)


def row_major(ring, store):
    """Result tiles by m, then n."""
    with ring.loop(M // TILE_M):
        with ring.loop(N // TILE_N):
            store()
            ring.step("r1", OUT_TILE)
        ring.step("r1", TILE_M * OUT_PITCH - OUT_PITCH)


def accumulate_tile(pe, per_matmul):
    """K_TILES matmuls into one bank; `per_matmul(accumulate)` issues one of them. s3 counts free banks."""
    pe.step("r8", 1)
    pe.wait("s3>=0+r8")
    per_matmul(False)
    with pe.loop(K_TILES - 1):
        per_matmul(True)
    pe.rotate("r1", BANK, BANKS * BANK)


def tiled(chip):
    """Kernel 1: for every result tile and k, both operand tiles are loaded again."""
    assembly = program("matmul_tiled", chip)
    ring, pe = assembly["dma0"], assembly["pe"]
    group = LHS_TILE + RHS_TILE
    # s0: loads done, two a group; s1: matmuls done, with one credit: a buffer is free one group after its use.
    with ring.loop(M // TILE_M):
        ring.set("r7", 0)
        with ring.loop(N // TILE_N):
            ring.copy("r1", "r6")
            ring.copy("r2", "r7")
            with ring.loop(K_TILES):
                ring.wait("s1>=0+r4")
                load_lhs(ring, tile("sbuf", "bf16", TILE_M, 0, "r3"), "r1", wait="s0>=0+r5", signal="s0")
                load_rhs(ring, tile("sbuf", "bf16", TILE_N, LHS_TILE, "r3"), "r2", signal="s0")
                ring.step("r1", TILE_K * LHS_PITCH)
                ring.step("r2", TILE_K * RHS_PITCH)
                ring.rotate("r3", group, 2 * group)
                ring.step("r4", 1)
                ring.step("r5", 2)
            ring.step("r7", TILE_N * 2)
        ring.step("r6", TILE_M * 2)

    def one(accumulate):
        pe.step("r5", 2)
        matmul(pe, "r1", tile("sbuf", "bf16", TILE_M, 0, "r3"), tile("sbuf", "bf16", TILE_N, LHS_TILE, "r3"), accumulate, wait="s0>=0+r5", signal="s1")
        pe.rotate("r3", group, 2 * group)

    pe.credit("s1", 1)
    with pe.loop((M // TILE_M) * (N // TILE_N)):
        accumulate_tile(pe, one)
    evict(assembly, (M // TILE_M) * (N // TILE_N), "s1>=1", K_TILES, 2 * group, row_major)
    return assembly


def hoisted(chip):
    """Kernel 2: the column of lhs tiles is loaded once for each m."""
    assembly = program("matmul_hoisted", chip)
    ring, pe = assembly["dma0"], assembly["pe"]
    lhs_bytes, rhs_base = K_TILES * LHS_TILE, 2 * K_TILES * LHS_TILE
    # s0: rhs loads; s1: matmuls, with a column of credits: a slot is free one column after its use; s2: lhs loads; s5: columns of lhs used, two credits.
    with ring.loop(M // TILE_M):
        ring.step("r9", 1)
        ring.wait("s5>=0+r9")
        ring.copy("r1", "r6")
        ring.copy("r10", "r3")
        with ring.loop(K_TILES):
            load_lhs(ring, tile("sbuf", "bf16", TILE_M, 0, "r10"), "r1", signal="s2")
            ring.step("r1", TILE_K * LHS_PITCH)
            ring.step("r10", LHS_TILE)
        ring.rotate("r3", lhs_bytes, 2 * lhs_bytes)
        ring.set("r7", 0)
        with ring.loop(N // TILE_N):
            ring.copy("r2", "r7")
            ring.set("r8", rhs_base)
            with ring.loop(K_TILES):
                ring.wait("s1>=1+r4")
                load_rhs(ring, tile("sbuf", "bf16", TILE_N, 0, "r8"), "r2", wait="s0>=0+r4", signal="s0")
                ring.step("r2", TILE_K * RHS_PITCH)
                ring.step("r8", RHS_TILE)
                ring.step("r4", 1)
            ring.step("r7", TILE_N * 2)
        ring.step("r6", TILE_M * 2)

    def one(accumulate):
        pe.step("r5", 1)
        matmul(pe, "r1", tile("sbuf", "bf16", TILE_M, 0, "r10"), tile("sbuf", "bf16", TILE_N, 0, "r11"), accumulate, wait="s0>=0+r5", signal="s1")
        pe.step("r10", LHS_TILE)
        pe.step("r11", RHS_TILE)

    pe.credit("s1", K_TILES)
    pe.credit("s5", 2)
    with pe.loop(M // TILE_M):
        pe.step("r9", K_TILES)
        pe.wait("s2>=0+r9")
        with pe.loop(N // TILE_N):
            pe.copy("r10", "r3")
            pe.set("r11", rhs_base)
            accumulate_tile(pe, one)
        pe.add("signal", signal="s5")
        pe.rotate("r3", lhs_bytes, 2 * lhs_bytes)
    evict(assembly, (M // TILE_M) * (N // TILE_N), f"s1>={K_TILES}", K_TILES, rhs_base + K_TILES * RHS_TILE, row_major)
    return assembly


def blocked_free(chip, in_m=2, in_n=2):
    """Kernel 3: blocks of 2 x 2 result tiles share their operands."""
    assembly = program("matmul_blocked_free", chip)
    ring, pe = assembly["dma0"], assembly["pe"]
    blocks_m, blocks_n = M // TILE_M // in_m, N // TILE_N // in_n
    rhs_base, per_block = in_m * K_TILES * LHS_TILE, in_m * in_n * K_TILES
    # Credits of s1 (matmuls in the order block, bm, bn, k): a slot's next load waits for the last matmul that read it, three quarters of a block before
    # (rhs) or at the end of the last block (lhs), so that both conditions are "credits + matmuls >= a count".
    credits = (in_m * in_n - 1) * K_TILES
    with ring.loop(blocks_m):
        ring.copy("r1", "r6")
        ring.set("r10", 0)
        ring.copy("r12", "r13")
        with ring.loop(in_m):
            ring.copy("r14", "r1")
            with ring.loop(K_TILES):
                ring.step("r12", 1)
                ring.wait("s1>=0+r12")
                load_lhs(ring, tile("sbuf", "bf16", TILE_M, 0, "r10"), "r14", signal="s2")
                ring.step("r14", TILE_K * LHS_PITCH)
                ring.step("r10", LHS_TILE)
            ring.step("r12", (in_n - 1) * K_TILES)
            ring.step("r1", LHS_TILE)
        ring.step("r13", per_block * blocks_n)
        ring.set("r7", 0)
        with ring.loop(blocks_n):
            ring.set("r8", rhs_base)
            ring.copy("r2", "r7")
            ring.copy("r15", "r16")
            with ring.loop(in_n):
                ring.copy("r14", "r2")
                with ring.loop(K_TILES):
                    ring.step("r15", 1)
                    ring.wait(f"s1>={credits - in_n * K_TILES}+r15")
                    load_rhs(ring, tile("sbuf", "bf16", TILE_N, 0, "r8"), "r14", wait="s0>=0+r4", signal="s0")
                    ring.step("r14", TILE_K * RHS_PITCH)
                    ring.step("r8", RHS_TILE)
                    ring.step("r4", 1)
                ring.step("r2", RHS_TILE)
            ring.step("r16", per_block)
            ring.step("r7", in_n * TILE_N * 2)
        ring.step("r6", in_m * TILE_M * 2)

    def one(first_row):
        def issue(accumulate):
            if first_row:
                pe.step("r5", 1)
            matmul(pe, "r1", tile("sbuf", "bf16", TILE_M, 0, "r10"), tile("sbuf", "bf16", TILE_N, 0, "r11"), accumulate, wait="s0>=0+r5", signal="s1")
            pe.step("r10", LHS_TILE)
            pe.step("r11", RHS_TILE)
        return issue

    pe.credit("s1", credits)
    with pe.loop(blocks_m):
        pe.step("r9", in_m * K_TILES)
        pe.wait("s2>=0+r9")
        with pe.loop(blocks_n):
            for row in range(in_m):
                pe.set("r11", rhs_base)
                with pe.loop(in_n):
                    pe.set("r10", row * K_TILES * LHS_TILE)
                    accumulate_tile(pe, one(row == 0))

    def order(stream, store):
        with stream.loop(blocks_m):
            with stream.loop(blocks_n):
                with stream.loop(in_m):
                    with stream.loop(in_n):
                        store()
                        stream.step("r1", OUT_TILE)
                    stream.step("r1", TILE_M * OUT_PITCH - in_n * OUT_TILE)
                stream.step("r1", in_n * OUT_TILE - in_m * TILE_M * OUT_PITCH)
            stream.step("r1", in_m * TILE_M * OUT_PITCH - OUT_PITCH)

    evict(assembly, (M // TILE_M) * (N // TILE_N), f"s1>={credits}", K_TILES, rhs_base + in_n * K_TILES * RHS_TILE, order)
    return assembly
