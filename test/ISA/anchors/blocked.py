"""The fourth matmul kernel of the NKI tutorial: blocks of 2048 x 1024 x 1024, partial results added up in SBUF as bf16.

The loads of a block are pipelined and the second lhs block and the next rhs block of a k step are fetched ahead, but not the first lhs block: it is asked for when
the step before has finished.
"""
from assembly import rows, tile
from ladder import BANK, BANKS, K, K_TILES, LHS_PITCH, M, N, OUT_PITCH, RHS_PITCH, TILE_K, TILE_M, TILE_N, matmul, program

IN_M, IN_N, IN_K = 16, 2, 8  # tiles of a block
BLOCKS_M, BLOCKS_N, BLOCKS_K = M // TILE_M // IN_M, N // TILE_N // IN_N, K_TILES // IN_K
LHS_ROW, RHS_ROW = IN_M * TILE_M * 2, IN_N * TILE_N * 2  # bytes of one k tile of a block in a partition, and of a row of it in device memory
LHS_BLOCK, RHS_BLOCK = IN_K * LHS_ROW, IN_K * RHS_ROW
RESULT = IN_N * TILE_N * 2  # bytes of one row tile of the result in a partition
LHS_BASE = 2 * RHS_BLOCK
RESULT_BASE = LHS_BASE + BLOCKS_M * LHS_BLOCK
PACK_BASE = RESULT_BASE + BLOCKS_M * IN_M * RESULT
PACK_BUFFERS = 4
RESULT_TILES = BLOCKS_M * IN_M  # row tiles of the result in SBUF
STEP_TILES = RESULT_TILES * IN_N  # PSUM tiles of one k step

# Semaphores: s0 rhs tiles loaded; s2 lhs tiles loaded, a block of credits; s5 k steps finished, two credits; s1 PSUM tiles computed; s3 PSUM tiles added up, a
# bank each of credits; s6 row tiles packed; s7 row tiles stored, a pack buffer each of credits.


def load_lhs(ring):
    with ring.loop(BLOCKS_N):
        ring.set("r9", 0)
        with ring.loop(BLOCKS_K):
            ring.step("r11", 1)
            ring.wait("s5>=1+r11")
            ring.set("r10", LHS_BASE)
            ring.copy("r8", "r9")
            with ring.loop(BLOCKS_M):
                ring.copy("r12", "r8")
                with ring.loop(IN_K):
                    ring.add(f"dma_load dst={tile('sbuf', 'bf16', IN_M * TILE_M, 0, 'r10')} src={rows('lhsT', 'bf16', LHS_PITCH, IN_M * TILE_M, 'r12')}", signal="s2")
                    ring.step("r12", TILE_K * LHS_PITCH)
                    ring.step("r10", LHS_ROW)
                ring.step("r8", LHS_ROW)
            ring.step("r9", IN_K * TILE_K * LHS_PITCH)


def load_rhs(ring):
    """A block is asked for when the first lhs block of the step before has arrived and the step before that has finished."""
    with ring.loop(BLOCKS_N):
        ring.copy("r1", "r7")
        with ring.loop(BLOCKS_K):
            ring.wait("s2>=0+r4")
            ring.step("r4", BLOCKS_M * IN_K)
            ring.step("r5", 1)
            ring.wait("s5>=0+r5")
            ring.copy("r2", "r3")
            with ring.loop(IN_K):
                ring.add(f"dma_load dst={tile('sbuf', 'bf16', IN_N * TILE_N, 0, 'r2')} src={rows('rhs', 'bf16', RHS_PITCH, IN_N * TILE_N, 'r1')}", signal="s0")
                ring.step("r1", TILE_K * RHS_PITCH)
                ring.step("r2", RHS_ROW)
            ring.rotate("r3", RHS_BLOCK, 2 * RHS_BLOCK)
        ring.step("r7", RHS_ROW)


def multiply(pe):
    pe.credit("s2", IN_K)
    pe.credit("s5", 2)
    with pe.loop(BLOCKS_N * BLOCKS_K):
        pe.step("r4", IN_K)
        pe.wait("s0>=0+r4")
        pe.set("r9", LHS_BASE)
        with pe.loop(BLOCKS_M):
            pe.step("r5", IN_K)
            pe.wait(f"s2>={IN_K}+r5")
            pe.copy("r11", "r3")
            with pe.loop(IN_N):
                pe.copy("r10", "r9")
                with pe.loop(IN_M):
                    pe.step("r8", 1)
                    for k in range(IN_K):
                        matmul(pe, "r1", tile("sbuf", "bf16", TILE_M, k * LHS_ROW, "r10"), tile("sbuf", "bf16", TILE_N, k * RHS_ROW, "r11"), k > 0,
                               wait="" if k else "s3>=0+r8", signal="s1" if k == IN_K - 1 else "")
                    pe.step("r10", TILE_M * 2)
                    pe.rotate("r1", BANK, BANKS * BANK)
                pe.step("r11", TILE_N * 2)
            pe.step("r9", LHS_BLOCK)
        pe.rotate("r3", RHS_BLOCK, 2 * RHS_BLOCK)
        pe.add("signal", signal="s5")


def add_up(ve):
    """Zeros, then the partial results of each k step."""
    ve.credit("s3", BANKS)
    with ve.loop(BLOCKS_N):
        ve.wait("s6>=0+r6")
        ve.step("r6", RESULT_TILES)
        ve.set("r2", RESULT_BASE)
        with ve.loop(RESULT_TILES):
            ve.add(f"memset dst={tile('sbuf', 'bf16', IN_N * TILE_N, 0, 'r2')} value=0")
            ve.step("r2", RESULT)
        with ve.loop(BLOCKS_K):
            ve.set("r9", RESULT_BASE)
            with ve.loop(BLOCKS_M):
                ve.copy("r11", "r9")
                with ve.loop(IN_N):
                    ve.copy("r2", "r11")
                    with ve.loop(IN_M):
                        ve.step("r5", 1)
                        result = tile("sbuf", "bf16", TILE_N, 0, "r2")
                        ve.add(f"tensor_tensor dst={result} a={tile('psum', 'f32', TILE_N, 0, 'r1')} b={result} op=add", wait="s1>=0+r5", signal="s3")
                        ve.step("r2", RESULT)
                        ve.rotate("r1", BANK, BANKS * BANK)
                    ve.step("r11", TILE_N * 2)
                ve.step("r9", IN_M * RESULT)


def pack_and_store(se, ring):
    """A row tile is packed after the last partial result of its second half."""
    se.set("r2", PACK_BASE)
    se.set("r5", BANKS + (BLOCKS_K - 1) * STEP_TILES)
    with se.loop(BLOCKS_N):
        se.set("r1", RESULT_BASE)
        with se.loop(BLOCKS_M):
            se.step("r5", (IN_N - 1) * IN_M)
            with se.loop(IN_M):
                se.step("r5", 1)
                se.step("r7", 1)
                se.wait("s7>=0+r7")
                width = IN_N * TILE_N
                se.add(f"activate dst={tile('sbuf', 'bf16', width, 0, 'r2')} src={tile('sbuf', 'bf16', width, 0, 'r1')} func=identity", wait="s3>=0+r5", signal="s6")
                se.step("r1", RESULT)
                next_buffer(se)
        se.step("r5", (BLOCKS_K - 1) * STEP_TILES)
    ring.credit("s7", PACK_BUFFERS)
    ring.set("r2", PACK_BASE)
    with ring.loop(BLOCKS_N):
        ring.copy("r1", "r4")
        with ring.loop(RESULT_TILES):
            ring.step("r6", 1)
            ring.add(f"dma_store dst={rows('out', 'bf16', OUT_PITCH, IN_N * TILE_N, 'r1')} src={tile('sbuf', 'bf16', IN_N * TILE_N, 0, 'r2')}", wait="s6>=0+r6", signal="s7")
            ring.step("r1", TILE_M * OUT_PITCH)
            next_buffer(ring)
        ring.step("r4", IN_N * TILE_N * 2)


def next_buffer(stream):
    stream.step("r2", -PACK_BASE)
    stream.rotate("r2", RESULT, PACK_BUFFERS * RESULT)
    stream.step("r2", PACK_BASE)


def blocked(chip):
    """Kernel 4 as a program."""
    assembly = program("matmul_blocked", chip)
    load_lhs(assembly["dma0"])
    load_rhs(assembly["dma1"])
    multiply(assembly["pe"])
    add_up(assembly["ve"])
    pack_and_store(assembly["se"], assembly["dma2"])
    return assembly
