"""cmake/compiler-launcher: a second checkout, in a folder with a space, finds the objects of the first in ccache, also behind a precompiled header (decision 0013)."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLANG = shutil.which("clang++-22")

if not CLANG or not shutil.which("ccache"):
    pytest.skip("needs clang++-22 and ccache", allow_module_level=True)


def compile_in(checkout, cache, header):
    """A checkout with one precompiled header and one user of it, compiled as CMake does; gives the statistics of ccache."""
    build = checkout / "build"
    (checkout / "cmake").mkdir(parents=True, exist_ok=True)
    build.mkdir(exist_ok=True)
    shutil.copy(ROOT / "cmake" / "compiler-launcher", checkout / "cmake")
    (build / "pch.hxx").write_text(header)
    (build / "pch.hxx.cxx").write_text("// empty\n")
    (checkout / "user.cpp").write_text("#include <vector>\nstd::vector<int> f() { return {VALUE}; }\n")
    environment = {**os.environ, "CCACHE_DIR": str(cache)}

    def launch(*words):
        subprocess.run([checkout / "cmake" / "compiler-launcher", CLANG, "-std=c++20", *words], cwd=build, env=environment, check=True)

    include = ["-Xclang", "-include", "-Xclang", build / "pch.hxx"]
    launch("-Xclang", "-emit-pch", *include, "-x", "c++-header", "-o", "pch.hxx.pch", "-c", build / "pch.hxx.cxx")
    launch("-Xclang", "-include-pch", "-Xclang", build / "pch.hxx.pch", *include, "-MD", "-MF", "user.d", "-o", "user.o", "-c", checkout / "user.cpp")
    lines = subprocess.run(["ccache", "--print-stats"], env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
    statistics = {name: int(value) for name, value in (line.split("\t") for line in lines)}
    return statistics["direct_cache_hit"] + statistics["preprocessed_cache_hit"], statistics["cache_miss"]


def test_second_checkout_hits(tmp_path):
    header = "#include <vector>\n#define VALUE 1\n"
    assert compile_in(tmp_path / "one", tmp_path / "cache", header) == (0, 1)
    assert compile_in(tmp_path / "the other one", tmp_path / "cache", header) == (1, 1)
    assert (tmp_path / "one/build/user.o").read_bytes() == (tmp_path / "the other one/build/user.o").read_bytes()
    # A macro is all that changes: nothing of the preprocessed header does.
    assert compile_in(tmp_path / "one", tmp_path / "cache", header.replace("1", "2")) == (1, 2)
