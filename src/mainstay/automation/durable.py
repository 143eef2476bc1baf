"""Durable workflows (DBOS on its own SQLite file): a course that was cut off is taken up where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from mainstay.automation.course import Durably

Body = Callable[[str, str, int, Durably], Awaitable[str]]
Other = Callable[[str, Durably], Awaitable[str]]
"""A run of another kind: of what, and how to make its steps durable."""

COURSE_VERSION = "course/1"
"""Raise it when the order of pieces in `Course.run` changes. Unfinished runs of an older version are then started anew
and go by the records of their steps."""

EXECUTOR_ID = "mainstay"
_POLL_S = 0.1


class Durable:
    """Starts workflows by id, once each, and resumes at `open` what was unfinished.

    DBOS keeps one instance per process, so only one `Durable` is open at a time. Its values are JSON; it never pickles.
    """

    def __init__(self, path: Path, body: Body) -> None:
        self._path, self._body = path, body
        self._run: Callable[[str, str, int], Coroutine[Any, Any, str]] | None = None
        self._others: dict[str, Other] = {}
        self._begins: dict[str, Callable[[str], Coroutine[Any, Any, str]]] = {}

    def also(self, name: str, body: Other) -> None:
        """Runs of another kind beside the courses of plans, in the same file; before `open`."""
        self._others[name] = body

    @staticmethod
    def load() -> None:
        """Import what `open` needs, half a second of work: on a thread of its own it holds nobody up."""
        import dbos  # noqa: F401

    def open(self) -> None:
        """Open the file and take up unfinished runs; on the event loop of the caller if there is one."""
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

        self._path.parent.mkdir(parents=True, exist_ok=True)
        config = DBOSConfig(
            name="mainstay",
            system_database_url=f"sqlite:///{self._path}",
            system_database_engine=_engine(self._path),
            serializer=DBOSPortableJSONSerializer(),
            executor_id=EXECUTOR_ID,
            application_version=COURSE_VERSION,
            notification_listener_polling_interval_sec=_POLL_S,
            scheduler_polling_interval_sec=3600.0,
            log_level="ERROR",
            use_listen_notify=False,
        )
        DBOS(config=config)
        self._run = DBOS.workflow(name="mainstay.course")(self._workflow())
        for name, body in self._others.items():
            self._begins[name] = DBOS.workflow(name=f"mainstay.{name}")(_other(body))
        DBOS.launch()

    async def close(self) -> None:
        """Stop; what runs is taken up at the next `open`."""
        from dbos import DBOS

        self._run = None
        self._begins.clear()
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    async def start(self, run_id: str, plan_id: str, approval_id: str, started_ms: int) -> None:
        """Start the run of this id; if it was started before, nothing happens."""
        from dbos import DBOS, SetWorkflowID

        assert self._run is not None  # open() comes first
        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(self._run, plan_id, approval_id, started_ms)

    async def begin(self, name: str, run_id: str, subject: str) -> None:
        """Start a run of another kind; if it was started before, nothing happens."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(self._begins[name], subject)

    async def is_going_on(self, run_id: str) -> bool:
        """Whether this run is unfinished and will be taken up by this version."""
        from dbos import DBOS

        status = await DBOS.get_workflow_status_async(run_id)
        return status is not None and status.status in ("PENDING", "ENQUEUED") and status.app_version == COURSE_VERSION

    async def is_known(self, run_id: str) -> bool:
        """Whether this run was ever started."""
        from dbos import DBOS

        return await DBOS.get_workflow_status_async(run_id) is not None

    async def result(self, run_id: str) -> str:
        """Wait for the end of a run."""
        from dbos import DBOS

        handle: Any = await DBOS.retrieve_workflow_async(run_id)
        return str(await handle.get_result(polling_interval_sec=_POLL_S))

    def _workflow(self) -> Callable[[str, str, int], Coroutine[Any, Any, str]]:
        """A plain function: DBOS writes attributes on what it registers, and a method takes none."""

        async def course(plan_id: str, approval_id: str, started_ms: int) -> str:
            return await self._body(plan_id, approval_id, started_ms, _durably)

        return course


def _other(body: Other) -> Callable[[str], Coroutine[Any, Any, str]]:
    async def run(subject: str) -> str:
        return await body(subject, _durably)

    return run


async def _durably(name: str, piece: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    from dbos import DBOS

    async def run(*given: Any) -> Any:
        return await piece(*given)

    return await DBOS.run_step_async({"name": name}, run, *arguments)


def _engine(path: Path) -> Any:
    """SQLite in WAL mode with durable commits; DBOS by itself leaves `journal_mode=delete`."""
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
