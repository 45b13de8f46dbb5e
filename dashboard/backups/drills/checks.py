"""The checks of a drill, in order: the server, its files, its tenants, and each tenant's data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.backups.drills import assertions, counting, live, probes
from dashboard.backups.drills.assertions import Assertion
from dashboard.backups.drills.canary import check_canary
from dashboard.backups.drills.evidence import CLUSTER, Answer, Check, Status, examine
from dashboard.backups.drills.live import Begin, LiveAwayError, Tenant, one_moment
from dashboard.servers.postgres import SUPERUSER
from dashboard.servers.scratch import PORT, ScratchServer

# Registered a moment before the end of what was brought back: its commit may be just behind it.
EDGE = timedelta(seconds=5)
AWAY = "The live cluster does not answer, so nothing can be compared:"


@dataclass(frozen=True)
class Scene:
    """What is compared. `live` is the owner's address of the ERP; `begin` is None when it was away.

    `reached_at`: the commit time up to which everything must be there. `reaches_begin`: the restore holds all
    that was written before the drill began.
    """

    scratch: ScratchServer
    database: str
    live: str
    begin: Begin | None
    reached_at: datetime
    reaches_begin: bool
    tick: Callable[[], None] = lambda: None
    jobs: int = 2

    @property
    def restored(self) -> str:
        """The address of the ERP database on the restored server."""
        return self.scratch.url(self.database)

    @property
    def tools(self) -> probes.Tools:
        """The programs of the restored server's version, run as its account."""
        return probes.Tools(self.scratch.bin, self.scratch.folder, self.scratch.account)


def run_checks(scene: Scene) -> Iterator[Check]:
    """Make every check and hand on each as it ends; the last one stops the server.

    Raises DrillBrokenError when one could not be made for a reason of its own.
    """
    yield from _of_server(scene)
    tenants: list[Tenant] = []
    yield _of_tenants(scene, tenants)
    yield from _of_cluster(scene)
    for tenant in tenants:
        scene.tick()
        yield from _of_tenant(scene, tenant)
    yield _of_pages(scene)


def _of_server(scene: Scene) -> Iterator[Check]:
    def asked(look: Callable[[cursor], Answer]) -> Answer:
        with one_moment(scene.restored) as at:
            return look(at)

    yield examine("server.started", "Out of recovery", CLUSTER, lambda: asked(probes.check_server))
    yield examine("server.checksums", "Data checksums", CLUSTER, lambda: asked(probes.check_checksums))
    yield examine("server.amcheck", "Tables and indexes are sound", CLUSTER, lambda: _amcheck(scene))


def _amcheck(scene: Scene) -> Answer:
    host = str(scene.scratch.socket_folder)
    answer = probes.check_everything(scene.tools, host, SUPERUSER, PORT, scene.jobs, scene.tick)
    named = probes.relation_in(answer)
    if named is None or answer.file:
        return answer
    with one_moment(scene.scratch.url(named[0])) as at:
        return replace(answer, file=probes.file_of(at, named[1], named[2]))


def _of_pages(scene: Scene) -> Check:
    def look() -> Answer:
        scene.scratch.stop()
        return probes.check_pages(scene.tools, scene.scratch.data, scene.tick)

    return examine("server.pages", "Every page matches its checksum", CLUSTER, look)


def _of_tenants(scene: Scene, found: list[Tenant]) -> Check:
    """All tenants that were registered by then are there, with their schemas; fills `found`."""

    def look() -> Answer:
        with one_moment(scene.restored) as at:
            found.extend(live.list_tenants(at))
            at.execute("SELECT nspname FROM pg_namespace")
            schemas = {row[0] for row in at.fetchall()}
        bare = [f"{tenant.slug} has no schema" for tenant in found if tenant.schema not in schemas]
        try:
            with live.of_live(scene.live) as at:
                expected = [t for t in live.list_tenants(at) if t.created_at < scene.reached_at - EDGE]
        except LiveAwayError as error:
            return Answer(bare, skipped=f"{AWAY} {error}")
        there = {tenant.schema for tenant in found}
        gone = [f"{tenant.slug} is missing" for tenant in expected if tenant.schema not in there]
        return Answer([*bare, *gone], detail=f"{len(found)} tenants")

    return examine("tenants.present", "All tenants are there", CLUSTER, look)


def _of_cluster(scene: Scene) -> Iterator[Check]:
    yield _head(scene, live.SHARED, CLUSTER)
    yield examine("canary", "Every clocked row is there", CLUSTER, lambda: _canary(scene))
    for assertion in assertions.list_assertions("cluster"):
        yield _holds(scene, assertion, CLUSTER, live.SHARED)


def _canary(scene: Scene) -> Answer:
    try:
        with live.of_live(scene.live) as on_live, one_moment(scene.restored) as at:
            return check_canary(on_live, at, scene.reached_at - EDGE)
    except LiveAwayError as error:
        return Answer(skipped=f"{AWAY} {error}")


def _of_tenant(scene: Scene, tenant: Tenant) -> Iterator[Check]:
    yield _head(scene, tenant.schema, tenant.slug)
    yield examine("tenant.rows", "Row counts agree", tenant.slug, lambda: _rows(scene, tenant))
    for assertion in assertions.list_assertions("tenant"):
        yield _holds(scene, assertion, tenant.slug, tenant.schema)


def _head(scene: Scene, schema: str, subject: str) -> Check:
    """The migration head is the live one, or one that migrations since then have left."""

    def look() -> Answer:
        with one_moment(scene.restored) as at:
            restored = live.read_heads(at, [schema]).get(schema, "")
        try:
            with live.of_live(scene.live) as at:
                now = live.read_heads(at, [schema]).get(schema, "")
                left = live.heads_before(at, scene.reached_at - EDGE).get(schema, set()) if now else set()
        except LiveAwayError as error:
            return Answer(skipped=f"{AWAY} {error}")
        if not restored and not now:
            return Answer(skipped="Neither side has a migration history here.")
        if not now and schema != live.SHARED:
            return Answer(skipped="The tenant is not on the live cluster any more.")
        at_begin = scene.begin.heads.get(schema, "") if scene.begin else now
        if restored in {now, at_begin} | left:
            return Answer(detail=f"at {restored or 'none'}")
        return Answer([f"brought back at {restored or 'none'}, the live one is at {now or 'none'}"])

    return examine("migrations.head", "Migration head is the live one", subject, look)


def _rows(scene: Scene, tenant: Tenant) -> Answer:
    if scene.begin is None:
        return Answer(skipped="The live cluster did not answer when the drill began.")
    settled_at = scene.reached_at - counting.SETTLED
    try:
        compared = live.stand_live(scene.live, tenant, settled_at, scene.begin)
    except LiveAwayError as error:
        return Answer(skipped=f"{AWAY} {error}")
    with one_moment(scene.restored) as at:
        restored = counting.stand(at, tenant.schema, settled_at)
    if not compared.standing.rows and restored.rows:
        return Answer(skipped="The tenant is not on the live cluster any more.")
    found = counting.compare(compared.standing, restored, compared.moved, reaches_begin=scene.reaches_begin)
    detail = f"{found.rows:,} rows in {found.tables} tables"
    detail += f"; {found.explained:,} differ by changes since" if found.explained else ""
    detail += f"; {found.closed} sealed tables cannot be counted live" if found.closed else ""
    return Answer(assertions.in_words(found.problems), detail=detail)


def _holds(scene: Scene, assertion: Assertion, subject: str, schema: str) -> Check:
    def look() -> Answer:
        with one_moment(scene.restored) as at:
            if assertion.needs and not _exists(at, schema, assertion.needs):
                return Answer(skipped=f"There is no table {assertion.needs}.")
            at.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(schema)))
            return Answer(assertions.in_words(list(assertion.look(at))))

    return examine(assertion.name, assertion.title, subject, look)


def _exists(at: cursor, schema: str, table: str) -> bool:
    at.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL", (schema, table))
    row = at.fetchone()
    return bool(row and row[0])


def failed(checks: list[Check]) -> list[Check]:
    """Return the checks that say something against the backup."""
    return [check for check in checks if check.status is Status.FAILED]
