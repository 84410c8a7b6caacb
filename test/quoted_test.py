"""The kind of lit test that this project uses; a module of its own, because lit's workers must be able to import it."""

import hashlib
import os
import shlex
import tempfile

import lit.formats
import lit.TestRunner


def plain(path):
    """The path under a name without spaces: %s and %t may stand inside quoted words of RUN lines, where a quoted path would end the word."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if " " not in root or not path.startswith(root + os.sep):
        return path
    link = os.path.join(tempfile.gettempdir(), "manaslu-lit-" + hashlib.sha256(root.encode()).hexdigest()[:16])
    try:
        os.symlink(root, link)
    except FileExistsError:
        pass
    return link + path[len(root) :]


class QuotedTest(lit.formats.ShTest):
    """A shell test whose file names are quoted and free of spaces, so that a checkout in a folder with a space works."""

    def execute(self, test, lit_config):
        source, base = test.getSourcePath(), lit.TestRunner.getTempPaths(test)[1]
        names = {"%s": source, "%S": os.path.dirname(source), "%t": base + ".tmp", "%T": os.path.dirname(base)}
        substitutions = [*self.extra_substitutions, *((key, shlex.quote(plain(name))) for key, name in names.items())]
        return lit.TestRunner.executeShTest(test, lit_config, self.execute_external, substitutions, self.preamble_commands)
