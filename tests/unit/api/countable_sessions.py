"""Sessions as in the database, whose loads are counted, and may fail or hang (SESSION_ENGINE)."""

import threading
from typing import Any

from django.contrib.sessions.backends import db

loads: list[str] = []
may_load = threading.Event()  # a load waits for it
errors: list[Exception] = []  # a load raises the first


class SessionStore(db.SessionStore):
    def load(self) -> Any:
        loads.append(str(self.session_key))
        if errors:
            raise errors[0]
        may_load.wait()
        return super().load()
