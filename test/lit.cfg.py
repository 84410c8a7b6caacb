# How lit runs the tests of passes and tools: `test/run`, or `lit --param build=build/dev test/Conversion`, or `lit build/dev/test`.
import os
import shlex
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
build = os.path.abspath(lit_config.params.get("build", getattr(config, "manaslu_build", os.path.join(root, "build", "release"))))

config.name = "Manaslu"
sys.path.insert(0, os.path.join(root, "test"))
from quoted_test import QuotedTest  # noqa: E402

config.test_format = QuotedTest()
config.suffixes = [".mlir", ".test", ".masm"]
config.excludes = ["Inputs", "unit", "e2e", "benchmark", "docs"]
config.test_source_root = os.path.join(root, "test")
config.test_exec_root = os.path.join(build, "test")

config.substitutions.append(("%{root}", shlex.quote(root)))
config.substitutions.append(("%{python}", shlex.quote(os.path.join(root, ".venv", "bin", "python"))))

path = [os.path.join(build, "bin"), "/usr/lib/llvm-22/bin", os.path.join(root, ".venv", "bin"), os.environ.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
for name in ("manaslu-as", "manaslu-cc", "manaslu-opt", "manaslu-reduce"):
    if os.path.exists(os.path.join(build, "bin", name)):
        config.available_features.add(name)
