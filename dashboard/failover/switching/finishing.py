"""What both kinds of change share: who runs the servers, what follows the new primary, how they end."""

from dataclasses import dataclass, field

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError
from dashboard.failover import queries, service
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.switching import following
from dashboard.failover.switching.changing import Change
from dashboard.failover.switching.control import CommandControl, Control, StackControl, orders_folder
from dashboard.failover.switching.evidence import refresh
from dashboard.failover.write_probe import WriteProbe
from dashboard.jobs import service as jobs
from dashboard.jobs.run import Run


@dataclass
class Attempt:
    """A change under way with its row; `problems` is what did not come about although the change did."""

    run: Run
    settings: Settings
    row: Rehearsal
    change: Change
    problems: list[str] = field(default_factory=list)

    def note_failed(self, text: str) -> None:
        """Remember what is left to be done by somebody."""
        self.problems.append(text)

    def follow(self, former_names: str, *, backup: bool) -> None:
        """Lead everything else to the new primary."""
        change, settings = self.change, self.settings
        if change.source and not self._rejoined():
            self.note_failed(f"{change.source} does not follow: let it rejoin.")
        for name in change.others_follow():
            self.note_failed(f"{name} does not follow: let it rejoin.")
        names = following.whom_to_wait_for(change.members, former_names, change.source, change.target)
        if names and not following.wait_again(change, names):
            self.note_failed("Commits wait for no second copy.")
        if settings.backup_provider == "barman" and settings.barman_config is not None:
            if not following.lead_barman(settings, change.steps, self.url_of(change.target), change.target):
                self.note_failed("Barman does not receive WAL from the new primary.")
            if backup:
                self._ask_for_backup()

    def _rejoined(self) -> bool:
        done = self.change.rejoin(self.change.source)
        if done is not None and done.discarded_bytes is not None and self.row.kind == Kind.PROMOTION:
            service.save(self.row, lost_bytes=done.discarded_bytes)
        return done is not None

    def _ask_for_backup(self) -> None:
        """A new timeline begins: what is restored later should not need the old one."""
        with self.change.steps.step("backup", "Asking for a backup of the new primary") as step:
            asked = jobs.enqueue("backups.back_up", {"mode": "full"}, actor=self.run.actor)
            service.note(self.row, backup_run=str(asked.id))
            step.text = f"A full backup of {self.change.target} is the next job of its queue"

    def measure(self, probe: WriteProbe, moment: float) -> None:
        """Tell what the change was like for who wrote meanwhile, and whether all acknowledged is there."""
        with self.change.steps.step("outage", "Comparing what was acknowledged with what is there") as step:
            probe.stop()
            outage = probe.outage(moment)
            if outage is None or outage.seconds is None:
                step.state, step.text = "failed", "No write went through after the change."
                self.note_failed("The address of the database does not lead to the new primary.")
                return
            lost = probe.lost(probe.dsn)
            milliseconds = round(1000 * outage.seconds, 1)
            facts = {"acknowledged": len(probe.writes), "failures": outage.failures, "lost": lost[:20]}
            service.save(self.row, outage_ms=milliseconds, lost_rows=len(lost))
            service.note(self.row, probe=facts)
            step.text = (
                f"{len(probe.writes)} writes were acknowledged, {len(lost)} of them are missing; nothing "
                f"could be written for {milliseconds:.0f} ms"
            )
            self._judge(milliseconds, len(lost))

    def _judge(self, milliseconds: float, lost: int) -> None:
        promised = queries.read_promises().outage_ms
        if lost:
            self.note_failed(f"{lost} acknowledged rows are missing.")
        if milliseconds > promised:
            seconds = f"{milliseconds / 1000:.1f} s; promised are {promised / 1000:.0f} s"
            self.note_failed(f"Nothing could be written for {seconds}.")

    def url_of(self, member: str) -> str:
        """The monitor's address of a member."""
        return next(row.url for row in self.change.members if row.name == member)

    def end(self) -> None:
        """Close the row, log the operation, let the pages know at once."""
        change = self.change
        target = change.target
        if self.problems:
            words = f"{target} is the primary. " + " ".join(self.problems)
            service.close(self.row, Status.FAILED, words)
        else:
            service.close(self.row, Status.DONE)
        record_operation(
            f"failover.{self.row.kind}",
            target,
            actor=self.run.actor,
            before=change.source,
            after=target,
            reason=self.row.reason,
            outage_ms=self.row.outage_ms,
            problems=self.problems,
        )
        refresh(self.settings)


def control_of(settings: Settings) -> Control:
    """Return whoever runs the servers. Raises ConflictError where nobody does that Steward could ask."""
    if settings.failover_command:
        return CommandControl(settings.failover_command)
    if orders_folder(settings.home).parent.is_dir():
        return StackControl(settings.home)
    raise ConflictError(
        "Steward cannot stop or start these servers.",
        fix="Set STEWARD_FAILOVER_COMMAND, or change over by hand: docs/runbooks/switchover.md.",
    )
