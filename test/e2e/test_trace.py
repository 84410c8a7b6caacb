"""Traces of simulated runs (docs/Trace.md), decoded with a protobuf library that knows nothing of ours."""
import json

import pytest
import torch

import manaslu
from commands import command
from perfetto import Timeline

PICOSECONDS = "picoseconds"

# Two loads, three rounds of exp on se and of a sum on ve, a store. ve and se wait for each other.
PROGRAM = """
.program rounds
.chip mt1
.region x input f32 [128, 64] host float32
.region y output f32 [128, 64] host float32
.stream dma0
  dma_load dst=sbuf.f32[0:128]+0{[1,64]} src=@x.f32+0{[256,128],[4,64]} signal=s0
  halt
.stream se
  loop count=3
    reg_add dst=r1 src=r1 value=1
    wait wait=s0>=1
    activate dst=sbuf.f32[0:128]+256{[1,64]} src=sbuf.f32[0:128]+0{[1,64]} func=exp wait=s2>=0+r2 signal=s1
    reg_add dst=r2 src=r2 value=1
  end_loop
  halt
.stream ve
  memset dst=sbuf.f32[0:128]+512{[1,64]} value=0
  loop count=3
    reg_add dst=r1 src=r1 value=1
    tensor_tensor dst=sbuf.f32[0:128]+512{[1,64]} a=sbuf.f32[0:128]+512{[1,64]} b=sbuf.f32[0:128]+256{[1,64]} op=add wait=s1>=0+r1 signal=s2
  end_loop
  halt
.stream dma1
  dma_store dst=@y.f32+0{[256,128],[4,64]} src=sbuf.f32[0:128]+512{[1,64]} wait=s2>=3
  halt
"""

ACTIVATE = next(line for line in PROGRAM.splitlines() if "activate" in line)


@pytest.fixture
def rounds(tmp_path):
    """The program above as a file."""
    (tmp_path / "rounds.masm").write_text(PROGRAM)
    command("manaslu-as", tmp_path / "rounds.masm", "-o", tmp_path / "rounds.mnx")
    return tmp_path / "rounds.mnx"


def traced(program, folder, *flags):
    """Timeline and report of one run."""
    command("manaslu-cc", "run", program, "--trace", folder / "t.pftrace", "--report", folder / "r.json", *(flags or ("--random", 1)))
    return Timeline(folder / "t.pftrace"), json.loads((folder / "r.json").read_text())


def assert_busy(timeline, report):
    """The slices of an engine add up to its busy time, to the picosecond; those of the movers cover the busy time of dma."""
    engines = report["simulated"]["engines"]
    for engine in ("pe", "ve", "se", "ge"):
        slices = timeline.on(engine, "work")
        assert sum(slice.notes[PICOSECONDS] for slice in slices) == round(engines[engine]["busy_ns"] * 1000)
        assert all(abs(slice.end - slice.begin - slice.notes[PICOSECONDS] / 1000) <= 1 for slice in slices)
        for before, after in zip(timeline.on(engine), timeline.on(engine)[1:]):
            assert before.end <= after.begin
    covered, reach, pieces = 0, 0, sorted((slice.begin, slice.end) for slice in timeline.slices if slice.category == "transfer")
    for begin, end in pieces:
        covered += max(0, end - max(begin, reach))
        reach = max(reach, end)
    assert covered == pytest.approx(engines["dma"]["busy_ns"], abs=len(pieces) + 1)


def test_every_iteration_of_a_rolled_loop_is_shown(rounds, tmp_path):
    timeline, report = traced(rounds, tmp_path)
    assert [slice.name for slice in timeline.on("se", "work")] == ["activate"] * 3
    assert [slice.name for slice in timeline.on("ve", "work")] == ["memset"] + ["tensor_tensor"] * 3
    assert {slice.notes["index"] for slice in timeline.on("se", "work")} == {3}
    assert {slice.source for slice in timeline.on("se", "work")} == {(str(rounds.with_suffix(".masm")), 1 + PROGRAM.splitlines().index(ACTIVATE))}
    assert_busy(timeline, report)


def test_the_trace_says_that_it_is_simulated_and_on_which_chip(rounds, tmp_path):
    timeline, report = traced(rounds, tmp_path)
    assert timeline.process == "mt1 (simulated)"
    [whole] = timeline.on("program")
    assert whole.name == "rounds on mt1 (simulated)"
    assert whole.notes["simulated"] == 1 and whole.notes["chip"] == "mt1"
    assert whole.begin == 0 and whole.end == int(report["simulated"]["time_ns"])


def test_one_track_for_each_stream_and_mover(rounds, tmp_path):
    timeline, _ = traced(rounds, tmp_path)
    streams = {name for name, parent in timeline.parents.items() if parent == timeline.process}
    assert streams == {"program", "ve", "se", "dma0", "dma1", "DMA movers", "SBUF bytes in use", "PSUM bytes in use"}
    assert [name for name, parent in timeline.parents.items() if parent == "DMA movers"] == [f"mover {i}" for i in range(16)]
    # 128 partitions over 16 movers: each has a piece of the load and one of the store.
    assert all(len(timeline.on(f"mover {i}", "transfer")) == 2 for i in range(16))


def test_flows_lead_from_the_increment_to_the_wait(rounds, tmp_path):
    timeline, _ = traced(rounds, tmp_path)
    pairs = [(source.track, source.begin, target.track, target.begin) for source, target in timeline.flows()]
    se, ve = timeline.on("se", "work"), timeline.on("ve", "work")[1:]
    assert len(pairs) == 2 + 1 + 3 + 2 + 1  # ring to mover, load to se, se to ve, ve to se, ve to the store
    for round_ in range(3):
        assert ("se", se[round_].begin, "ve", ve[round_].begin) in pairs
    for round_ in range(2):
        assert ("ve", ve[round_].begin, "se", se[round_ + 1].begin) in pairs
    assert sum(source.startswith("mover") and target == "se" for source, _, target, _ in pairs) == 1
    assert sum(source.startswith("dma") and target.startswith("mover") for source, _, target, _ in pairs) == 2
    assert ("ve", ve[2].begin, "dma1", timeline.on("dma1", "issue")[0].begin) in pairs


def test_waits_fill_the_time_between(rounds, tmp_path):
    timeline, _ = traced(rounds, tmp_path)
    [wait] = timeline.on("dma1", "wait")
    assert wait.begin == 0 and wait.end == timeline.on("dma1", "issue")[0].begin


def test_counters_show_the_bytes_that_are_still_to_be_read(rounds, tmp_path):
    timeline, _ = traced(rounds, tmp_path)
    tile, samples = 128 * 64 * 4, timeline.counters["SBUF bytes in use"]
    assert timeline.counters["PSUM bytes in use"] == [(0, 0)]
    assert samples[-1][1] == 0 and max(value for _, value in samples) == 3 * tile

    def held(time):
        return [value for begin, value in samples if begin <= time][-1]

    se, ve = timeline.on("se", "work"), timeline.on("ve", "work")
    assert held(ve[0].begin) == tile  # the sum, from its memset
    assert held(se[0].begin - 1) == 2 * tile  # and x
    assert held(ve[1].begin) == 3 * tile  # and exp(x)
    assert held(se[2].end) == 2 * tile  # x was read for the last time
    assert held(ve[3].end) == tile  # so was exp(x); the sum waits for the store
    assert samples[-1][0] == max(slice.end for slice in timeline.slices if slice.category == "transfer")


def test_the_same_run_gives_the_same_bytes(rounds, tmp_path):
    for name, threads in (("a", 1), ("b", 1), ("c", 2)):
        command("manaslu-cc", "run", rounds, "--random", 1, "--threads", threads, "--trace", tmp_path / name)
    command("manaslu-cc", "run", rounds, "--no-values", "--trace", tmp_path / "d")
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_no_trace_is_left_by_a_run_that_fails(rounds, tmp_path):
    (tmp_path / "stuck.masm").write_text(PROGRAM.replace("wait=s2>=3", "wait=s2>=4"))
    command("manaslu-as", tmp_path / "stuck.masm", "-o", tmp_path / "stuck.mnx")
    before = sorted(tmp_path.iterdir())
    assert "MN-RUN-DEADLOCK" in command("manaslu-cc", "run", tmp_path / "stuck.mnx", "--random", 1, "--trace", tmp_path / "t", status=6).stderr
    assert "MN-IO-002" in command("manaslu-cc", "run", rounds, "--random", 1, "--trace", tmp_path / "none" / "t", status=6).stderr
    assert "excludes --no-clock" in command("manaslu-cc", "run", rounds, "--random", 1, "--no-clock", "--trace", tmp_path / "t", status=2).stderr
    assert "standard output" in command("manaslu-cc", "run", rounds, "--random", 1, "--trace", "-", status=2).stderr
    assert sorted(tmp_path.iterdir()) == before


def test_slices_are_named_after_operators_and_lead_to_lines_of_python(tmp_path):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(64, 96), torch.nn.Linear(96, 32)

        def forward(self, x):
            return self.second(torch.relu(self.first(x)))

    program = manaslu.compile(Model().eval(), (torch.randn(40, 64),))
    program.run(torch.randn(40, 64), trace=tmp_path / "t.pftrace")
    timeline = Timeline(tmp_path / "t.pftrace")
    assert_busy(timeline, program.report)
    assert timeline.flows()
    named = [slice for slice in timeline.on("pe", "work") if slice.source]
    assert named and all(slice.source[0].endswith(".py") and slice.source[1] > 0 for slice in named)
    assert all(slice.name != slice.notes["instruction"] for slice in named)
    assert max(value for _, value in timeline.counters["PSUM bytes in use"]) > 0
    with pytest.raises(manaslu.Error) as error:
        program.run(torch.randn(40, 64), trace=tmp_path / "u", clock=False)
    assert error.value.code == "MN-USE-002" and not (tmp_path / "u").exists()
