"""How many tasks wait in Celery's queues, with Redis as its broker."""

from typing import Any

from monitoring.conf import get_settings
from monitoring.health.celery_workers import broker_connection, celery_app

_MAX_QUEUES = 100


def queue_lengths(seconds: float) -> dict[str, float]:
    """By queue, the messages of all priorities; {} without Redis as broker, or if it is away.

    What a worker has fetched and not begun is no longer in the queue.
    """
    app = celery_app()
    if app is None:
        return {}
    names = get_settings().CELERY_QUEUES or tuple(app.amqp.queues)
    with broker_connection(app, seconds) as connection:
        if connection.transport.driver_type != "redis":
            return {}
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            channel = connection.default_channel
            return {name: _length(connection, channel, name) for name in names[:_MAX_QUEUES]}
        except connection.connection_errors:
            return {}


def _length(connection: Any, channel: Any, name: str) -> float:
    try:
        return float(channel.queue_declare(queue=name, passive=True).message_count)
    except connection.channel_errors:  # Redis keeps no empty queue
        return 0.0
