"""Holds docs/Architecture.md, "Floors": the lint over #includes refuses what it should and nothing else."""
import shutil
import subprocess
from pathlib import Path

import pytest

LINT = Path(__file__).resolve().parents[2] / ".ci" / "floors"


@pytest.mark.parametrize("path, include, holds", [
    ("lib/Sim/A.cpp", "mlir/IR/Value.h", False),
    ("lib/Numerics/A.h", "llvm/ADT/STLExtras.h", False),
    ("lib/Pipeline/A.cpp", "mlir/IR/Value.h", True),
    ("lib/Sim/Execute/A.cpp", "lib/Chip/Chip.h", True),
    ("lib/Chip/A.cpp", "lib/Sim/Machine.h", False),
    ("lib/Support/A.cpp", "lib/ISA/Program.h", False),
    ("lib/Alloc/A.cpp", "lib/Support/Error.h", True),
    ("dialects/Tile/A.cpp", "dialects/Isa/Isa.h", False),
    ("dialects/Tile/Transforms/A.cpp", "dialects/Tile/Tile.h", True),
    ("lib/Conversion/A/A.cpp", "lib/Pipeline/P.h", False),
    ("lib/Driver/A.cpp", "manaslu/Driver.h", True),
    ("lib/Interpreter/A.cpp", "lib/Conversion/TileToIsa/Translate.h", True),
    ("lib/Conversion/A/A.cpp", "lib/Interpreter/Interpreter.h", False),
    ("include/manaslu/A.h", "mlir/IR/Value.h", False),
    ("lib/Strange/A.cpp", "lib/Support/Error.h", False),
    ("lib/Chip/B.cpp", "../Sim/Machine.h", False),
    ("tools/manaslu-cc/main.cpp", "lib/Driver/Main.h", True),
])
def test_include(tmp_path, path, include, holds):
    (tmp_path / ".ci").mkdir()
    shutil.copy(LINT, tmp_path / ".ci" / "floors")
    source = tmp_path / path
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(f'#include "{include}"\n')
    subprocess.run("git init -q && git add .", shell=True, check=True, cwd=tmp_path)
    done = subprocess.run([tmp_path / ".ci" / "floors"], capture_output=True, text=True)
    assert (done.returncode == 0) == holds, done.stdout
