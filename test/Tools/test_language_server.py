"""manaslu-lsp-server speaks the language server protocol about our dialects: diagnostics of a wrong file, none of a right one, hover (issue's `manaslu-lsp-server`)."""

import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = os.path.join(os.environ.get("MANASLU_BUILD", os.path.join(ROOT, "build", "release")), "bin", "manaslu-lsp-server")

GOOD = """func.func @main(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.tanh %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
"""


class Client:
    """One server process; messages as in the protocol's base part: a header with the length, then JSON."""

    def __init__(self):
        self.process = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.send("initialized", {})

    def send(self, method, params, **extra):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **extra}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.process.stdout.read(length))

    def request(self, method, params):
        self.send(method, params, id=1)
        return self.receive()["result"]

    def open(self, text):
        """The diagnostics that the server publishes of a text."""
        self.send("textDocument/didOpen", {"textDocument": {"uri": "file:///model.mlir", "languageId": "mlir", "version": 1, "text": text}})
        return self.receive()["params"]["diagnostics"]


@pytest.fixture
def client():
    client = Client()
    yield client
    client.request("shutdown", None)
    client.send("exit", None)
    assert client.process.wait(timeout=60) == 0


def test_diagnostics_and_hover_of_a_graph_module(client):
    assert client.open(GOOD) == []
    hover = client.request("textDocument/hover", {"textDocument": {"uri": "file:///model.mlir"}, "position": {"line": 1, "character": 10}})
    assert "graph.tanh" in json.dumps(hover)


def test_diagnostics_name_line_and_reason(client):
    found = client.open(GOOD.replace("graph.tanh %a", "graph.nonsense %a"))
    assert [d["range"]["start"]["line"] for d in found] == [1]
    assert "nonsense" in found[0]["message"]
