# How lit runs the tests of passes and tools: `test/run`, or `lit --param build=build/dev test/Conversion`, or `lit build/dev/test`.
import os
import shlex

import lit.formats
import lit.TestRunner


class QuotedTest(lit.formats.ShTest):
    """A shell test whose file names are quoted, so that a checkout in a folder with a space works."""

    def execute(self, test, lit_config):
        source, base = test.getSourcePath(), lit.TestRunner.getTempPaths(test)[1]
        names = {"%s": source, "%S": os.path.dirname(source), "%t": base + ".tmp", "%T": os.path.dirname(base)}
        substitutions = [*self.extra_substitutions, *((key, shlex.quote(name)) for key, name in names.items())]
        return lit.TestRunner.executeShTest(test, lit_config, self.execute_external, substitutions, self.preamble_commands)


root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
build = os.path.abspath(lit_config.params.get("build", getattr(config, "manaslu_build", os.path.join(root, "build", "release"))))

config.name = "Manaslu"
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
