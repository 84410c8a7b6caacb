"""The kind of lit test that this project uses; a module of its own, because lit's workers must be able to import it."""

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
