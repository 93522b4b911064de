"""Real processes over loopback, and the work of each of them; a process imports it by the name of this module."""

import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

import numpy as np
import torch

from support import models
from walkgram.kernels.sgns import negatives
from walkgram.kernels.sgns.params import SgnsParams, make_sgns_params
from walkgram.train import distributed, loop
from walkgram.train.data.walks import WalkBatch
from walkgram.train.distributed import ProcessGroup, init_process_group
from walkgram.train.placement import row_sharded
from walkgram.train.placement.base import Schedule
from walkgram.train.placement.sharded_embedding import RowShardedEmbedding
from walkgram.train.replica_sync import ReplicaSync

N, DIM, ROUNDS = 41, 5, 3
COUNTS = np.arange(1, N + 1)
NUM_BATCHES = {2: [3, 2], 3: [1, 3, 0]}  # at each rank of a world
SCHEDULE, POOL = Schedule((5, 6), (0.5, 0.3)), 16


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def rank_environment(rank: int, world: int, port: int) -> dict[str, str]:
    numbers = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "MASTER_PORT": port}
    return {"MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in numbers.items()}}


def run_rank(work: Callable[..., Any], rank: int, world: int, port: int, seconds: float, results: Connection) -> None:
    os.environ.update(rank_environment(rank, world, port))
    torch.set_num_threads(1)
    try:
        with init_process_group(seconds) as group:
            result = work(group)
        results.send(result)
    except Exception as error:
        results.send(error)


def run_ranks(work: Callable[..., Any], world: int, seconds: float = 60) -> list[Any]:
    """Return what `work(group)` returned, or raised, at each rank; None where nothing came in 90 s."""
    server, port = multiprocessing.get_context("forkserver"), free_port()
    server.set_forkserver_preload(["torch.distributed", "walkgram.kernels.sgns.cpu"])  # imported once, not by every process
    pipes = [server.Pipe(duplex=False) for _ in range(world)]
    children = [server.Process(target=run_rank, args=(work, k, world, port, seconds, pipes[k][1])) for k in range(world)]
    for process in children:
        process.start()
    for _, sender in pipes:
        sender.close()
    results = [receiver.recv() if receiver.poll(90) else None for receiver, _ in pipes]
    for process in children:
        process.join(10)
        if process.is_alive():
            process.kill()
    return results


def start_command(command: list[str], world: int) -> list[subprocess.Popen[str]]:
    """Start a command's processes, with the environment that torchrun gives them."""
    port = free_port()
    environments = [os.environ | {"OMP_NUM_THREADS": "1"} | rank_environment(rank, world, port) for rank in range(world)]
    return [
        subprocess.Popen(command, text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for environment in environments
    ]


def make_table() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32))


def draw_changes(rank: int, turn: int, which: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a process's (curvature (N,), change (N, DIM)), both 0 in rows not moved; rank 0 moves none in the last turn."""
    generator = np.random.default_rng((rank, turn, which))
    rows = generator.random(N) < (0.5 if rank or turn < ROUNDS - 1 else 0)
    rows[:2] = [False, True]
    curvature = (10 ** generator.uniform(-3, 3, N) * rows).astype(np.float32)
    return curvature, generator.standard_normal((N, DIM)).astype(np.float32) * rows[:, None]


def sync_turns(group: ProcessGroup) -> list[list[np.ndarray]]:
    """Synchronise two tables in every turn; return both after each turn."""
    tables, results = [make_table(), make_table() * 2], []
    shadows = [group.shadow_copy(table) for table in tables]
    for turn in range(ROUNDS):
        changes = [draw_changes(group.rank, turn, which) for which in range(2)]
        for table, (_, change) in zip(tables, changes, strict=True):
            table += torch.from_numpy(change)
        group.sync_replicas(tables, [torch.from_numpy(curvature) for curvature, _ in changes], shadows)
        results.append([table.numpy().copy() for table in tables])
    return results


def draw_requests(rank: int, turn: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw distinct rows that a process requests, its changes and curvatures; none at rank 0 in the last turn."""
    generator = np.random.default_rng((rank, turn, 9))
    rows = np.sort(generator.choice(N, N // 2 if rank or turn < ROUNDS - 1 else 0, replace=False))
    changes = generator.standard_normal((len(rows), DIM)).astype(np.float32)
    return rows, changes, (10 ** generator.uniform(-3, 3, len(rows))).astype(np.float32)


def exchange_rows(group: ProcessGroup) -> tuple[list[np.ndarray], np.ndarray]:
    """Gather rows and add to them in every turn; return (the rows gathered in each turn, the rows owned at the end)."""
    table, gathered = RowShardedEmbedding(N, DIM, group, lambda rows: make_table()[rows]), []
    for turn in range(ROUNDS):
        rows, *changes = draw_requests(group.rank, turn)
        gathered.append(table.gather_rows(torch.from_numpy(rows)).numpy())
        table.scatter_add(torch.from_numpy(rows), *(torch.from_numpy(array) for array in changes))
    return gathered, table.local.numpy()


def make_params(slots: Any) -> SgnsParams:
    keep = np.where(np.arange(N) % 3, 1, 0.7).astype(np.float32)
    return make_sgns_params(np.array([0, 1, 0.5], np.float32), 4, 6, 3.0, slots, keep)


def batch_number(rank: int, world: int, turn: int) -> int:
    return turn * world + rank


def make_batch(number: int) -> WalkBatch:
    """Draw five walks of up to nine nodes, of the lower half of the rows: some of the pool are no tokens."""
    lengths = np.random.default_rng(number).integers(1, 10, 5)
    values = np.random.default_rng((number, 1)).integers(0, N // 2, lengths.sum()).astype(np.int32)
    return WalkBatch(np.arange(5) + 5 * number, np.cumsum(lengths) - lengths, lengths, values)


def draw_pool(number: int) -> np.ndarray:
    return row_sharded.negative_pool(negatives.build_unigram_table(COUNTS, 0.75), 3, 1, number, POOL)


def make_sharded_table(group: ProcessGroup, scale: int) -> RowShardedEmbedding:
    return RowShardedEmbedding(N, DIM, group, lambda rows: scale * make_table()[rows])


def train_turns(group: ProcessGroup) -> tuple[list[Any], list[np.ndarray]]:
    """Train for as many turns as the rank with most batches has; return (each step's result, the rows owned of both tables)."""
    tables = row_sharded.ShardedTables(make_sharded_table(group, 1), make_sharded_table(group, 2))
    num_batches, results = NUM_BATCHES.get(group.world, [3]), []
    params = make_params(np.empty((0, 2), np.uint32))
    for turn in range(max(num_batches)):
        number = batch_number(group.rank, group.world, turn)
        has_batch = turn < num_batches[group.rank]
        walks, pool = (make_batch(number), draw_pool(number)) if has_batch else (None, np.empty(0, np.int64))
        results.append(row_sharded.train_sharded(tables, walks, pool, params, SCHEDULE, 1))
    return results, [table.local.numpy() for table in tables]


def train_replicated(group: ProcessGroup) -> tuple[list[np.ndarray], list[float]]:
    """Run two epochs of the loop; return (both tables, the largest step curvature before each synchronisation)."""
    model, curvatures, synchronize = models.make_skipgram(), [], ReplicaSync.synchronize

    def record(sync: ReplicaSync, tables: tuple[torch.Tensor, ...]) -> None:
        curvatures.append(float(sync.step_curvature.max()))
        synchronize(sync, tables)

    with mock.patch.object(ReplicaSync, "synchronize", record):
        loop.run_loop(model, loop.TrainPlan(2), models.MemorySlot().checkpoints(), group=group)
    return [table.numpy().copy() for table in model.placement.tables()], curvatures


def run_everything(group: ProcessGroup) -> dict[str, Any]:
    distributed.BLOCK = 128  # bytes: many blocks, the last one short
    return {
        "sum": group.sum([1.5, group.rank, 2.0**40 * group.rank]),
        "any": [group.any(False), group.any(group.rank == 1), group.any(True)],
        "broadcast": group.broadcast({"from": group.rank}),
        "all_equal": [
            group.all_equal((1, "a")), group.all_equal(group.rank == 0), group.all_equal({"rank": min(group.rank, 1)})
        ],
        "synchronized": sync_turns(group),
        "exchanged": exchange_rows(group),
        "trained": train_turns(group),
        "replicated": train_replicated(group),
    }  # fmt: skip


def fail_at_one(group: ProcessGroup) -> list[float]:
    if group.rank == 1:
        raise ValueError("no walks here")
    return group.sum([1.0])


def come_late(group: ProcessGroup) -> list[float]:
    if group.rank == 1:
        time.sleep(7)
    return group.sum([1.0])


def resume_at_one(group: ProcessGroup) -> None:
    """Train on, the first process from a checkpoint that the others do not see."""
    slot = models.MemorySlot()
    if group.rank == 0:
        loop.run_loop(models.make_skipgram(), loop.TrainPlan(1), slot.checkpoints())
    loop.run_loop(models.make_skipgram(), loop.TrainPlan(3), slot.checkpoints(), group=group)
