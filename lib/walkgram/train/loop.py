"""The training loop: epochs, workers, processes, checkpoints, resume, stopping."""

import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from walkgram.errors import Stopped, TrainError
from walkgram.train.checkpoint import Checkpoints, resume_checkpoint, save_checkpoint
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.models.base import LoopModel
from walkgram.train.monitor import SignalStop, TrainMonitor
from walkgram.train.state import EpochResult, StepResult, TrainState, should_stop_early

__all__ = ["TrainPlan", "run_loop"]

MAX_LOSS_GROWTH = 10.0  # an epoch's loss above so many times that of the start shows a rate far too high


@dataclass(frozen=True)
class TrainPlan:
    """The number of epochs and worker threads, seconds between checkpoints, and the patience in epochs (0: unlimited)."""

    epochs: int
    workers: int = 1
    save_every: float = math.inf
    patience: int = 0


def run_loop(
    model: LoopModel,
    plan: TrainPlan,
    checkpoints: Checkpoints,
    monitor: TrainMonitor | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> list[EpochResult]:
    """Train to the end, from the last checkpoint where there is one; with one worker the result equals an uninterrupted run's.

    Raises `TrainError` for a checkpoint of another configuration, where the loss or a vector is not finite, and where another
    process has failed; `Stopped` after Ctrl-C or SIGTERM at any of the processes, when a checkpoint is written.
    """
    state = TrainState.from_dict(resume_checkpoint(model, checkpoints))
    sync_every, num_steps = model.bind(group), model.num_steps()
    if num_steps == 0:
        raise TrainError(f"an epoch has no batch to train on: {model.no_batch_remedy}")
    if not group.all_equal((state.to_dict(), num_steps, model.tokens)):
        raise TrainError(
            "the processes do not start from the same state: let all of them see one lake (lake.path), its walks and "
            "_checkpoints"
        )
    with SignalStop() as stop, ThreadPoolExecutor(plan.workers, thread_name_prefix="trainer") as pool:
        run = TrainingRun(model, plan, checkpoints, monitor or TrainMonitor(), group, state, sync_every, num_steps, stop, pool)
        run.monitor.start(model.tokens * plan.epochs, state.tokens)
        while len(state.epochs) < plan.epochs and not should_stop_early(state.epochs, plan.patience):
            run.run_epoch()
            save_checkpoint(model, state.to_dict(), checkpoints)
            if group.any(stop.is_requested):
                raise run.stop_error()
        run.monitor.log("end", state.tokens, state.epochs[-1].loss, model.learning_rate(1.0), epoch=len(state.epochs))
    return state.epochs


@dataclass
class TrainingRun:
    """One run of the loop.

    sync_every: batches between two synchronisations of the processes, 0 for a single one; num_steps: batches of an epoch.
    """

    model: LoopModel
    plan: TrainPlan
    checkpoints: Checkpoints
    monitor: TrainMonitor
    group: ProcessGroup
    state: TrainState
    sync_every: int
    num_steps: int
    stop: SignalStop
    pool: ThreadPoolExecutor
    synced_batches: int = 0  # of the epoch, at the last synchronisation
    start_loss: float | None = None  # of the first batch of this run

    def run_epoch(self) -> None:
        """Run the rest of an epoch: at most two batches in flight for each worker, their results collected in order."""
        state, number = self.state, len(self.state.epochs)
        start, last_save = time.monotonic() - state.seconds, time.monotonic()
        all_steps = self.plan.epochs * self.num_steps
        in_flight: deque[Future[StepResult]] = deque()
        local_stats = TrainState()  # results of this process since the last synchronisation
        first, self.synced_batches = number * self.num_steps, state.batches
        for index, batch in enumerate(self.model.batches(number, state.batches), first + state.batches):
            in_flight.append(self.pool.submit(self.model.step, batch, index / all_steps, (index + 1) / all_steps))
            while len(in_flight) >= 2 * self.plan.workers:
                self.collect(in_flight.popleft(), local_stats)
            is_stopping, is_saving = self.stop.is_requested, time.monotonic() - last_save > self.plan.save_every
            done = index + 1 - first
            is_sync = self.sync_every > 0 and (done % self.sync_every == 0 or done == self.num_steps)
            is_stopped_early = not is_sync and self.is_stopped_between_syncs(is_stopping)
            if not (is_sync or is_stopped_early or (not self.sync_every and (is_stopping or is_saving))):
                continue
            while in_flight:
                self.collect(in_flight.popleft(), local_stats)
            if is_sync or is_stopped_early:
                is_stopping, is_saving = self.synchronize(local_stats, is_stopping, is_saving, is_stopped_early)
            if is_stopping or is_saving:
                state.seconds = time.monotonic() - start
                save_checkpoint(self.model, state.to_dict(), self.checkpoints)
                last_save = time.monotonic()
            if is_stopping:
                rate = self.model.learning_rate(index / all_steps)
                self.monitor.log("stopped", state.tokens, state.mean_loss(), rate, epoch=number + 1)
                raise self.stop_error()
        while in_flight:
            self.collect(in_flight.popleft(), local_stats)
        self.end_epoch(start)

    def collect(self, future: Future[StepResult], local_stats: TrainState) -> None:
        """Wait for a batch and add its result; raise `TrainError` where it met a value that is not finite."""
        state, result, epoch = self.state, future.result(), len(self.state.epochs)
        if result.error or not math.isfinite(result.loss):
            reason = result.error or f"the loss is {result.loss}"
            raise TrainError(
                f"{reason} at epoch {epoch + 1}, batch {state.batches + 1}: lower the learning rate and train again with "
                "--force (the last checkpoint stays until then)"
            )
        state.batches += 1
        if self.start_loss is None and result.weight > 0:
            self.start_loss = result.loss / result.weight
        (local_stats if self.sync_every else state).add(result.loss, result.weight, result.tokens)
        progress = (epoch * self.num_steps + state.batches) / (self.plan.epochs * self.num_steps)
        loss = (state if state.weight else local_stats).mean_loss()
        self.monitor.update(epoch + 1, self.plan.epochs, state.tokens, loss, self.model.learning_rate(progress))

    def is_stopped_between_syncs(self, is_requested: bool) -> bool:
        """Return whether a signal came to any process, where the tables can return to the last synchronisation."""
        return self.sync_every > 0 and self.model.can_roll_back and self.group.share_stop(is_requested)

    def synchronize(
        self, local_stats: TrainState, is_stopping: bool, is_saving: bool, is_stopped_early: bool
    ) -> tuple[bool, bool]:
        """Synchronise with the other processes; return whether any of them stops, and whether the first one saves.

        Where any of them stops before the batch of the synchronisation, the tables and the state return to the last one: an
        additional synchronisation would change the vectors of the run that resumes.
        """
        saves_here = float(is_saving and self.group.rank == 0)
        # The exchange between CPUs comes first: there a process that is gone is noticed at once, between GPUs after a timeout.
        flags = [float(is_stopping), saves_here, float(is_stopped_early)]
        loss, weight, tokens, stops, saves, early_stops = self.group.sum(
            [local_stats.loss, local_stats.weight, local_stats.tokens, *flags]
        )
        if early_stops:
            self.model.roll_back()
            self.state.batches = self.synced_batches
            return True, False
        self.model.synchronize()
        self.synced_batches = self.state.batches
        self.state.add(loss, weight, tokens)
        local_stats.loss = local_stats.weight = 0.0
        local_stats.tokens = 0
        return stops > 0, saves > 0

    def end_epoch(self, start: float) -> None:
        """Measure the validation loss, log the epoch and add its result to the state."""
        state, number = self.state, len(self.state.epochs) + 1
        validation_loss = self.model.validate()
        result = EpochResult(number, state.mean_loss(), time.monotonic() - start, validation_loss)
        self.check_growth(result.loss, number)
        extra = {} if validation_loss is None else {"validation_loss": validation_loss}
        rate = self.model.learning_rate(number / self.plan.epochs)
        self.monitor.log("epoch", state.tokens, result.loss, rate, epoch=number, **extra)
        state.end_epoch(result)

    def check_growth(self, loss: float, number: int) -> None:
        """Raise `TrainError` where an epoch's loss is far above that at the start: the vectors are worse than random ones."""
        start = self.state.epochs[0].loss if self.state.epochs else self.start_loss
        if start is not None and 0 < MAX_LOSS_GROWTH * start < loss:
            raise TrainError(
                f"the loss of epoch {number} is {loss:.4g}, where that at the start was {start:.4g}: lower the learning rate "
                "and train again with --force"
            )

    def stop_error(self) -> Stopped:
        """Return the error that a signal ends the run with."""
        state, stop = self.state, self.stop
        where = f"in epoch {len(state.epochs) + 1}, {state.batches:,} of {self.num_steps:,} batches done"
        if not state.batches and state.epochs:
            where = f"after epoch {len(state.epochs)}"
        place = self.checkpoints.slot.place
        remedy = f"the checkpoint is {place}, and a rerun resumes from it (with --force it starts over)"
        return Stopped(f"stopped by {stop.name} {where}; {remedy}", stop.status)
