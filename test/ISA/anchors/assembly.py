"""Text for manaslu-as: a program under construction, and the operands that the anchors use."""

PARTITIONS = 128


class Stream:
    """One instruction stream; loops nest by `with stream.loop(count)`."""

    def __init__(self, name):
        self.name, self.lines, self.depth = name, [], 1

    def add(self, instruction, wait="", signal=""):
        """Append an instruction; `wait` is like "s0>=1+r3", `signal` like "s1"."""
        text = instruction + (f" wait={wait}" if wait else "") + (f" signal={signal}" if signal else "")
        self.lines.append("  " * self.depth + text)

    def wait(self, condition):
        """Take a further semaphore before the next instruction."""
        self.add("wait", wait=condition)

    def credit(self, semaphore, count):
        """Increments that stand for uses before the first."""
        with self.loop(count):
            self.add("signal", signal=semaphore)

    def set(self, register, value):
        self.add(f"reg_set dst={register} value={value}")

    def copy(self, register, source):
        self.add(f"reg_add dst={register} src={source} value=0")

    def step(self, register, by):
        """register += by."""
        self.add(f"reg_add dst={register} src={register} value={by}")

    def rotate(self, register, by, limit):
        """register = (register + by) modulo limit."""
        self.add(f"reg_rotate dst={register} step={by} limit={limit}")

    def loop(self, count):
        return _Loop(self, count)


class _Loop:
    def __init__(self, stream, count):
        self.stream, self.count = stream, count

    def __enter__(self):
        self.stream.add(f"loop count={self.count}")
        self.stream.depth += 1

    def __exit__(self, *_):
        self.stream.depth -= 1
        self.stream.add("end_loop")


class Assembly:
    """A whole program: regions and streams."""

    def __init__(self, name, chip):
        self.name, self.chip, self.regions, self.streams = name, chip, [], {}

    def region(self, name, kind, dtype, shape):
        """Declare a region; its host type follows from `dtype`."""
        host = {"f32": "float32", "bf16": "bfloat16"}[dtype]
        tail = " zeros" if kind == "constant" else f" host {host}" if kind in ("input", "output") else ""
        self.regions.append(f".region {name} {kind} {dtype} [{', '.join(map(str, shape))}]{tail}")

    def __getitem__(self, name):
        return self.streams.setdefault(name, Stream(name))

    def text(self):
        lines = [f".program {self.name}", f".chip {self.chip}", *self.regions]
        for name in sorted(self.streams, key=lambda each: (each.startswith("dma"), each)):
            lines += [f".stream {name}", *self.streams[name].lines, "  halt"]
        return "\n".join(lines) + "\n"


def tile(space, dtype, width, offset=0, register="", partitions=PARTITIONS):
    """`width` neighbouring elements of each partition."""
    return f"{space}.{dtype}[0:{partitions}]+{offset}{'+' + register if register else ''}{{[1,{width}]}}"


def rows(region, dtype, pitch, width, register="", offset=0, count=PARTITIONS):
    """`count` rows of `width` neighbouring elements, `pitch` bytes apart; the register moves them by bytes."""
    size = {"f32": 4, "bf16": 2}[dtype]
    return f"@{region}.{dtype}+{offset}{'+' + register + '*1' if register else ''}{{[{pitch},{count}],[{size},{width}]}}"
