"""The settings of replication that the business owns: whether commits wait for a copy, and for how long."""

from dashboard.settings.registry import Definition, declare

AREA = "Replication"
SYNCHRONOUS, STANDBY = "replication.synchronous", "replication.synchronous_standby"
DEGRADE_AFTER, RESTORE = "replication.degrade_after", "replication.restore"
ON, OFF, NEAREST, AUTOMATIC, BY_HAND = "on", "off", "nearest", "automatic", "by hand"
APPLY = "Applied from Database, Replication."

declare(
    Definition(
        SYNCHRONOUS,
        AREA,
        "Synchronous copy",
        OFF,
        kind="choice",
        choices=(OFF, ON),
        text="On: a commit is confirmed only when a second server has it too, so a lost primary loses none;"
        f" when that server is away, commits wait. {APPLY}",
    ),
    Definition(
        STANDBY,
        AREA,
        "Commits wait for",
        NEAREST,
        kind="text",
        text="Names of standbys, separated by commas: any one of them is enough. Nearest: those in the"
        f" primary's region, whoever is primary. {APPLY}",
    ),
    Definition(
        DEGRADE_AFTER,
        AREA,
        "Go on without a copy after",
        0,
        kind="length",
        least=10,
        most=86_400,
        zero="never",
        text="How long commits may be frozen before Steward lets them go on with one copy. Never: somebody"
        " decides each time.",
    ),
    Definition(
        RESTORE,
        AREA,
        "Wait for the copy again",
        AUTOMATIC,
        kind="choice",
        choices=(AUTOMATIC, BY_HAND),
        text="Automatic: as soon as the standby is back and has caught up.",
    ),
)
