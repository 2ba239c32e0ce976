"""Without descriptors for another connection, silent ones give way, and accepting pauses."""

import pytest

from tests.unit.conftest import RunPython

SERVER = """\
import resource, socket
from monitoring.exporter.server import ExporterServer
from monitoring.exposition.access import ScrapeAccess

class Counting(ExporterServer):
    accepts = 0
    def get_request(self):
        self.accepts += 1
        return super().get_request()

server = Counting('127.0.0.1', 0, None, ScrapeAccess())

def healthy(client):
    client.sendall(b'GET /-/healthy HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
    return b' 200 ' in client.recv(65536)

def fork_client(work):
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child

def limit(more):
    here = len(os.listdir('/proc/self/fd'))
    resource.setrlimit(resource.RLIMIT_NOFILE, (here + more, 4096))
"""


@pytest.mark.needs("rlimits")
def test_idle_connections_give_way_when_descriptors_are_exhausted(run_python: RunPython) -> None:
    said = run_python(
        SERVER
        + """
def work():
    clients = [socket.create_connection(server.server_address) for _ in range(30)]
    print(all(healthy(client) for client in clients), flush=True)
child = fork_client(work)
threading.Thread(target=server.serve_forever, daemon=True).start()
limit(10)
os.waitpid(child, 0)
"""
    )
    assert said.split() == ["True"]


@pytest.mark.needs("rlimits")
def test_accepting_pauses_when_descriptors_are_exhausted(run_python: RunPython) -> None:
    said = run_python(
        SERVER
        + """
first, second = os.pipe()
def work():
    client = socket.create_connection(server.server_address)
    print(healthy(client), flush=True)
child = fork_client(work)
threading.Thread(target=server.serve_forever, daemon=True).start()
limit(0)
taken = []
try:
    while True:
        taken.append(open('/dev/null'))
except OSError:
    pass
server.accepts = 0
time.sleep(1)
print(server.accepts <= 25, flush=True)
for file in taken:
    file.close()
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
os.waitpid(child, 0)
"""
    )
    assert sorted(said.split()) == ["True", "True"]


@pytest.mark.needs("rlimits")
def test_without_a_place_and_a_silent_connection_the_next_one_gets_503(
    run_python: RunPython,
) -> None:
    said = run_python(
        SERVER
        + """
from monitoring.exporter.connections import Connections
server.connections = Connections(0)
threading.Thread(target=server.serve_forever, daemon=True).start()
with socket.create_connection(server.server_address) as client:
    print(client.makefile('rb').read())
"""
    )
    assert "HTTP/1.1 503 " in said
    assert "too many connections" in said
