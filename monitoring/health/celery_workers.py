"""Which Celery workers answer a ping."""

import sys
import time
from collections.abc import Sequence
from typing import Any, cast

from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.health.examiner import CheckError
from monitoring.health.findings import Finding, Status

# A ping waits for those of the last time; now and then for whoever else there is.
_SEARCH_EVERY_SECONDS = 60.0

NO_BROKER = Finding(Status.UNHEALTHY, "The broker does not answer.", {"workers": []})
NOT_CONFIGURED = Finding(Status.DISABLED, "Not configured.", {"workers": []})


def probe_celery(seconds: float, last: Finding | None) -> Finding:
    """The workers by name. Those of the last time are waited for, others now and then."""
    deadline = time.monotonic() + seconds
    app = celery_app()  # to import it may take a second of the time
    if app is None:
        return NOT_CONFIGURED
    memory = dict(last.memory) if last is not None else {}
    known = [name for name in memory.get("workers", ()) if isinstance(name, str)]
    searched = float(memory.get("searched", float("-inf")))
    now = time.monotonic()
    left = max(0.1, deadline - now)
    search = not known or not now - _SEARCH_EVERY_SECONDS <= searched <= now
    try:
        names = ping(
            app,
            left,
            0.4 * left,  # kombu may wait twice as long
            None if search else len(known),
        )
    except Exception as error:
        raise CheckError(NO_BROKER) from error
    memory = {"workers": names, "searched": now if search else searched}
    if not names:
        return Finding(Status.UNHEALTHY, "No worker answers.", {"workers": []}, memory)
    return Finding(Status.HEALTHY, "Workers answer.", {"workers": names}, memory)


def celery_app() -> Any:
    """CELERY_APP, else the app of this process; None if there is none with a broker."""
    path = get_settings().CELERY_APP
    if not path and "celery" not in sys.modules:
        return None
    app = import_string(path or "celery.current_app")
    return app if app.conf.broker_url else None


def broker_connection(app: Any, seconds: float) -> Any:
    """A connection of its own to the broker, with time limits where the transport has them."""
    # One attempt: kombu's own default is to wait two seconds, and try for ever.
    limits: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    if app.connection_for_write().transport_cls in ("redis", "rediss", "sentinel"):
        limits |= {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry_on_timeout": False,
        }
    return app.connection_for_write(connect_timeout=seconds, transport_options=limits)


def ping(app: Any, seconds: float, quiet: float, limit: int | None) -> Sequence[str]:
    """The names of the workers that answer: until `limit` have, or for `quiet` seconds none does.

    Raises what the broker's transport raises.
    """
    from kombu.pidbox import Mailbox  # noqa: PLC0415  (optional)

    control = app.control.mailbox
    with broker_connection(app, seconds) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        # The app's own mailbox sends over the app's pool, and tries for ever.
        mailbox: Any = cast(Any, Mailbox)(
            control.namespace,
            type=control.type,
            connection=connection,
            accept=control.accept,
            serializer=control.serializer,
            queue_ttl=control.queue_ttl,
            reply_queue_ttl=control.reply_queue_ttl,
            queue_expires=control.queue_expires,
            queue_exclusive=control.queue_exclusive,
            queue_durable=control.queue_durable,
            reply_queue_expires=control.reply_queue_expires,
        )
        replies = mailbox.multi_call("ping", timeout=quiet, limit=limit)
    return sorted({name for reply in replies for name in reply})
