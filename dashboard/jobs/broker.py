"""Owns the way to Redis: queues with JSON messages, pushing a run, stopping one, depths and workers."""

from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from dashboard.core.redis_links import open_redis

ENTRY_POINT = "dashboard.jobs.runner.perform"
KEEP_RESULT_SECONDS = 60
KEEP_FAILURE_SECONDS = 3600

__all__ = ["RedisError"]  # callers name it without depending on the client library


class JsonJob(Job):
    """A job whose message is JSON, even where rq-scheduler makes it: no message can run code on loading."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serializer"] = JSONSerializer
        super().__init__(*args, **kwargs)


class JsonQueue(Queue):
    """A queue of JSON messages."""

    job_class = JsonJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serializer"] = JSONSerializer
        super().__init__(*args, **kwargs)


def connect(url: str, *, socket_timeout: float = 5.0) -> Redis:
    """Return a client that fails at once when the broker is away, so that pages need not wait."""
    return open_redis(
        url,
        socket_connect_timeout=2.0,
        socket_timeout=socket_timeout,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
    )


def connection() -> Redis:
    """Return the application's client of the broker."""
    client: Redis | None = current_app.extensions.get("jobs.broker")
    if client is None:
        client = connect(current_app.extensions["steward_settings"].broker_url)
        current_app.extensions["jobs.broker"] = client
    return client


def queue(name: str) -> JsonQueue:
    """Return a queue by name."""
    return JsonQueue(name, connection=connection())


def push(run_id: UUID, queue_name: str, *, timeout: int, description: str) -> str:
    """Put a run on its queue, return RQ's id. Each push has its own: claiming makes doubles harmless."""
    job_id = f"{run_id}-{uuid4().hex[:8]}"
    queue(queue_name).enqueue_call(
        ENTRY_POINT,
        args=(str(run_id),),
        timeout=timeout,
        result_ttl=KEEP_RESULT_SECONDS,
        failure_ttl=KEEP_FAILURE_SECONDS,
        description=description,
        job_id=job_id,
    )
    return job_id


def waiting_ids(queue_name: str) -> set[str]:
    """Return RQ's ids of everything on a queue."""
    return set(queue(queue_name).job_ids)


def stop(rq_job_id: str) -> bool:
    """Tell the worker to kill the run's process; False when no worker has it."""
    with suppress(NoSuchJobError, InvalidJobOperation):
        send_stop_job_command(connection(), rq_job_id, serializer=JSONSerializer)
        return True
    return False
