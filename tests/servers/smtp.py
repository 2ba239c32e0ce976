"""A mail server that takes what it is sent, and can be away."""

import contextlib
import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.servers.ports import free_port


@dataclass
class MailServer:
    """It listens while `running()` lasts; `mails` are (recipient, message)."""

    port: int = field(default_factory=free_port)
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        mails = self.mails

        class Session(socketserver.StreamRequestHandler):
            """What Django's backend says of RFC 5321."""

            def handle(self) -> None:
                recipient = ""
                self._say("220 here")
                while line := self.rfile.readline():
                    command = line.decode().strip()
                    if command.upper().startswith("RCPT TO:"):
                        recipient = command[8:].strip(" <>")
                    if command.upper() == "DATA":
                        self._say("354 go on")
                        mails.append((recipient, self._message()))
                    elif command.upper() == "QUIT":
                        self._say("221 bye")
                        return
                    self._say("250 ok")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            def _message(self) -> EmailMessage:
                lines = b"".join(iter(self.rfile.readline, b".\r\n"))
                return email.message_from_bytes(lines, policy=email.policy.default)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        with Server(("127.0.0.1", self.port), Session) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join(10)
