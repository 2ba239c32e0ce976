"""Asks Celery's broker which workers answer and how long the queues are."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.errors import BrokerUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs
from monitoring.primitives.per_process import per_process

T = TypeVar("T")

_MAX_QUEUES = 100


def celery_app() -> Any:
    """CELERY_APP, else the app of this process; None without an app, or without its broker."""
    path = get_settings().CELERY_APP
    if not path and "celery" not in sys.modules:
        return None
    app = import_string(path or "celery.current_app")
    return app if app.conf.broker_url else None


def broker_connection(app: Any, seconds: float) -> Any:
    """A new connection to the broker, with time limits where the transport supports them."""
    # One attempt: by default, kombu waits two seconds between attempts and never gives up.
    limits: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    if app.connection_for_write().transport_cls in ("redis", "rediss", "sentinel"):
        limits |= {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry_on_timeout": False,
        }
    return app.connection_for_write(connect_timeout=seconds, transport_options=limits)


def ping(app: Any, seconds: float, silence_seconds: float, limit: int | None) -> Sequence[str]:
    """The sorted names of the workers that answer.

    Stops after `limit` answers, or after `silence_seconds` without one. `seconds` limits the
    connection. Raises the errors of the broker's transport.
    """
    from kombu.pidbox import Mailbox  # noqa: PLC0415  (optional)

    control = app.control.mailbox
    with broker_connection(app, seconds) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        # The app's own mailbox uses the app's connection pool, which never gives up.
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
        replies = mailbox.multi_call("ping", timeout=silence_seconds, limit=limit)
    return sorted({name for reply in replies for name in reply})


def queue_lengths(seconds: float) -> dict[str, float]:
    """Messages in each queue, all priorities together; {} if the broker is not Redis or is down.

    Raises BrokerUnavailableError if the URL is not usable, and ImportError if a package is missing.

    Messages that a worker has fetched but not started are no longer in the queue.
    """
    app = celery_app()
    if app is None:
        return {}
    try:
        return by_deadline("queues", lambda: _queue_lengths(app, seconds), seconds)
    except NoAnswerError as error:
        if isinstance(error.__cause__, ImportError | BrokerUnavailableError):
            raise error.__cause__ from None
        return {}


def by_deadline(key: str, work: Callable[[], T], seconds: float) -> T:
    """The result of work with the broker, one run of a key at a time. Raises NoAnswerError."""
    result: T = _runs().ask(key, work, seconds, name="monitoring-broker")
    return result


@per_process
def _runs() -> Runs[Any]:
    return Runs()


def _queue_lengths(app: Any, seconds: float) -> dict[str, float]:
    from kombu.exceptions import OperationalError  # noqa: PLC0415  (optional)

    names = get_settings().CELERY_QUEUES or tuple(app.amqp.queues)
    try:
        with broker_connection(app, seconds) as connection:
            if connection.transport.driver_type != "redis":
                return {}
            try:
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
                channel = connection.default_channel
                # Not a passive `queue_declare`, which looks for keys without `global_keyprefix`.
                return {name: float(channel._size(name)) for name in names[:_MAX_QUEUES]}
            except (OperationalError, *connection.connection_errors):
                return {}
    except ValueError as error:
        # Only the type: the text may contain a piece of the broker's URL with its password.
        raise BrokerUnavailableError(f"Celery's broker: {type(error).__name__}") from None
