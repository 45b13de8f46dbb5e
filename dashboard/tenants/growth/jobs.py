"""Jobs of growth: what is timed for all tenants, and what a person asks of one."""

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError, DashboardError, InvalidInputError
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.settings.queries import value
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.growth import archiving, deciding, service, tables
from dashboard.tenants.lifecycle.queries import lock_of

EDIT = "admin.tenants.edit"
LOCK = lock_of("{slug}")
HOURS = 4 * 3600


@job(
    "tenants.keep_partitions",
    title="Keep partitions of tenants",
    queue="database",
    permission=EDIT,
    lock="tenants.keep_partitions",
    timeout=HOURS,
    quiet=True,
)
def keep_partitions(run: Run) -> dict[str, object]:
    """Make next month's partitions, and partition what has grown large (every hour)."""
    made, converted, problems = [], [], []
    known = {tenant.schema: tenant for tenant in tenancy.list_standing()}
    growing = [table for table in service.list_growing() if table.schema in known]
    for number, table in enumerate(growing):
        run.check_cancelled()
        run.progress(number, len(growing), f"{table.schema}.{table.name}")
        tenant = known[table.schema]
        try:
            if table.is_partitioned:
                made += service.keep(tenant, table.name)
            elif table.rows >= value(deciding.PARTITION_ROWS):
                service.partition(tenant, table.name, actor=run.actor)
                converted.append(f"{table.schema}.{table.name}")
        except ConflictError as error:  # the next hour tries again
            problems.append(f"{table.schema}.{table.name}: {error.message}")
    for line in problems:
        run.log(line)
    return {"made": len(made), "partitioned": converted, "put_off": problems}


@job(
    "tenants.archive_history",
    title="Put old history away",
    queue="database",
    permission=EDIT,
    lock="tenants.archive_history",
    timeout=HOURS,
)
def archive_history(run: Run) -> dict[str, object]:
    """Put away what is older than the settings say, tenant by tenant (every night)."""
    rows, parts, problems = 0, 0, []
    limit = deciding.before(deciding.today(), value(deciding.ARCHIVE_MONTHS))
    for tenant in tenancy.list_standing() if limit else []:
        for part in service.list_due(tenant, limit):
            run.check_cancelled()
            run.progress(parts, parts + 1, f"{tenant.name}: {part}")
            try:
                made = archiving.archive(tenant, part, get_settings(), actor=run.actor)
            except DashboardError as error:
                problems.append(f"{tenant.name}, {part}: {error.message}")
                continue
            parts, rows = parts + 1, rows + made.rows
            run.log(f"{tenant.name}: {part}, {made.rows:,} rows, {made.bytes:,} bytes")
    if problems:
        raise ConflictError(f"{len(problems)} parts stay where they are: {' '.join(problems[:5])}")
    return {"parts": parts, "rows": rows}


@job(
    "tenants.partition",
    title="Partition a table",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=HOURS,
)
def partition(run: Run, *, slug: str, table: str) -> dict[str, object]:
    """Partition one table now, however large it is."""
    if table not in tables.TABLES:
        raise InvalidInputError(f"{table} is not one of the tables that grow without end.")
    run.progress(0, 1, f"Partitioning {table}")
    done = service.partition(tenancy.get_tenant(slug), table, actor=run.actor)
    run.progress(1, 1, "Partitioned" if done else "It was partitioned already")
    return {"partitioned": done}


@job(
    "tenants.put_history_away",
    title="Put history away",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=HOURS,
)
def put_history_away(run: Run, *, slug: str, part: str) -> dict[str, object]:
    """Put one partition away."""
    run.progress(0, 1, f"Writing and proving {part}")
    made = archiving.archive(tenancy.get_tenant(slug), part, get_settings(), actor=run.actor)
    facts = {"rows": made.rows, "sha256": made.sha256}
    record_operation("history.archive", part, tenant=slug, actor=run.actor, **facts)
    run.progress(1, 1, "Put away")
    return {"rows": made.rows, "bytes": made.bytes, "sha256": made.sha256}


@job(
    "tenants.bring_history_back",
    title="Bring history back",
    queue="database",
    permission=EDIT,
    lock=LOCK,
    timeout=HOURS,
)
def bring_history_back(run: Run, *, slug: str, event: int) -> dict[str, object]:
    """Bring one partition back from its file."""
    run.progress(0, 1, "Checking and loading the file")
    made = archiving.restore(tenancy.get_tenant(slug), event, get_settings(), actor=run.actor)
    record_operation("history.restore", made.part, tenant=slug, actor=run.actor, rows=made.rows)
    run.progress(1, 1, "Back")
    return {"part": made.part, "rows": made.rows}
