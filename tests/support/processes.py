"""Real processes over loopback, and what each of them does; they find it by the name of this module."""

import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from support import models
from walkgram.kernels.sgns import cpu, negatives
from walkgram.train import distributed, loop
from walkgram.train.distributed import ProcessGroup, init_process_group
from walkgram.train.placement import row_sharded

N, DIM, ROUNDS = 41, 5, 3
COUNTS = np.arange(1, N + 1)
CHUNKS = {2: [3, 2], 3: [1, 3, 0]}  # at each rank of a world
KEYS, RATES, POOL = (5, 6), (0.5, 0.3), 16


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def place(rank: int, world: int, port: int) -> dict[str, str]:
    names = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "MASTER_PORT": port}
    return {"MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in names.items()}}


def at_one(work: Callable[..., Any], rank: int, world: int, port: int, seconds: float, to: Connection) -> None:
    os.environ.update(place(rank, world, port))
    torch.set_num_threads(1)
    try:
        with init_process_group(seconds) as peers:
            result = work(peers)
        to.send(result)
    except Exception as error:
        to.send(error)


def at_all(work: Callable[..., Any], world: int, seconds: float = 60) -> list[Any]:
    """What `work(peers)` returned, or raised, at each rank; None where nothing came in 90 s."""
    server, port = multiprocessing.get_context("forkserver"), free_port()
    server.set_forkserver_preload(["torch.distributed", "walkgram.kernels.sgns.cpu"])  # imported once, not by every process
    pipes = [server.Pipe(duplex=False) for _ in range(world)]
    started = [server.Process(target=at_one, args=(work, k, world, port, seconds, pipes[k][1])) for k in range(world)]
    for process in started:
        process.start()
    for _, to in pipes:
        to.close()
    results = [out.recv() if out.poll(90) else None for out, _ in pipes]
    for process in started:
        process.join(10)
        if process.is_alive():
            process.kill()
    return results


def begun(command: list[str], world: int) -> list[subprocess.Popen[str]]:
    """A command's processes, with what torchrun puts in their environment."""
    port, pipes = free_port(), {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    places = [os.environ | {"OMP_NUM_THREADS": "1"} | place(rank, world, port) for rank in range(world)]
    return [subprocess.Popen(command, text=True, env=each, **pipes) for each in places]


def table() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32))


def moved(rank: int, turn: int, which: int) -> tuple[np.ndarray, np.ndarray]:
    """(pace (N,), change (N, DIM), both 0 in rows not moved) of a process; in the last turn rank 0 does nothing."""
    generator = np.random.default_rng((rank, turn, which))
    rows = generator.random(N) < (0.5 if rank or turn < ROUNDS - 1 else 0)
    rows[:2] = [False, True]
    pace = (10 ** generator.uniform(-3, 3, N) * rows).astype(np.float32)
    return pace, generator.standard_normal((N, DIM)).astype(np.float32) * rows[:, None]


def combined(peers: ProcessGroup) -> list[list[np.ndarray]]:
    """Two tables after each turn."""
    tables, found = [table(), table() * 2], []
    base = [peers.base(each) for each in tables]
    for turn in range(ROUNDS):
        moves = [moved(peers.rank, turn, which) for which in range(2)]
        for each, (_, change) in zip(tables, moves, strict=True):
            each += torch.from_numpy(change)
        peers.combine(tables, [torch.from_numpy(pace) for pace, _ in moves], base)
        found.append([each.numpy().copy() for each in tables])
    return found


def asked(rank: int, turn: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows that a process asks for, the changes and paces that it pushes; none at rank 0 in the last turn."""
    generator = np.random.default_rng((rank, turn, 9))
    rows = np.sort(generator.choice(N, N // 2 if rank or turn < ROUNDS - 1 else 0, replace=False))
    changes = generator.standard_normal((len(rows), DIM)).astype(np.float32)
    return rows, changes, (10 ** generator.uniform(-3, 3, len(rows))).astype(np.float32)


def borrowed(peers: ProcessGroup) -> tuple[list[np.ndarray], np.ndarray]:
    """(what each turn fetched, the rows owned at the end)."""
    shares, found = row_sharded.RowShardedEmbedding(N, DIM, peers, lambda rows: table()[rows]), []
    for turn in range(ROUNDS):
        rows, *pushed = asked(peers.rank, turn)
        found.append(shares.fetch(torch.from_numpy(rows)).numpy())
        shares.push(torch.from_numpy(rows), *(torch.from_numpy(each) for each in pushed))
    return found, shares.local.numpy()


def law(slots: Any) -> cpu.SgnsParams:
    keep = np.where(np.arange(N) % 3, 1, 0.7).astype(np.float32)
    return cpu.make_sgns_params(np.array([0, 1, 0.5], np.float32), 4, 6, 3.0, slots, keep)


def chunk(rank: int, world: int, turn: int) -> row_sharded.ShardedBatch:
    """Five walks of up to nine nodes, of the lower half of the rows: some of the pool are no tokens."""
    number = turn * world + rank
    lengths = np.random.default_rng(number).integers(1, 10, 5)
    values = np.random.default_rng((number, 1)).integers(0, N // 2, lengths.sum()).astype(np.int32)
    return row_sharded.ShardedBatch(values, np.cumsum(lengths) - lengths, lengths, np.arange(5) + 5 * number, number)


def pool_of(number: int) -> np.ndarray:
    return row_sharded.negative_pool(negatives.build_unigram_table(COUNTS, 0.75), 3, 1, number, POOL)


def trained(peers: ProcessGroup) -> tuple[list[Any], list[np.ndarray]]:
    """(what each step returned, the rows owned of both tables); as many turns as the rank with most chunks has."""
    tables = [row_sharded.RowShardedEmbedding(N, DIM, peers, lambda rows, by=by: by * table()[rows]) for by in (1, 2)]
    chunks, found = CHUNKS.get(peers.world, [3]), []
    for turn in range(max(chunks)):
        one = chunk(peers.rank, peers.world, turn) if turn < chunks[peers.rank] else None
        drawn = pool_of(one.number) if one else np.empty(0, np.int64)
        found.append(
            row_sharded.train_sharded(tables[0], tables[1], one, drawn, law(np.empty((0, 2), np.uint32)), KEYS, RATES, 1)
        )
    return found, [each.local.numpy() for each in tables]


def everything(peers: ProcessGroup) -> dict[str, Any]:
    distributed.BLOCK = 128  # bytes: many blocks, the last one short
    return {
        "sum": peers.sum([1.5, peers.rank, 2.0**40 * peers.rank]),
        "any": [peers.any(False), peers.any(peers.rank == 1), peers.any(True)],
        "told": peers.told({"from": peers.rank}),
        "same": [peers.same((1, "a")), peers.same(peers.rank == 0), peers.same({"rank": min(peers.rank, 1)})],
        "combined": combined(peers),
        "borrowed": borrowed(peers),
        "trained": trained(peers),
    }


def failing(peers: ProcessGroup) -> list[float]:
    if peers.rank == 1:
        raise ValueError("no walks here")
    return peers.sum([1.0])


def late(peers: ProcessGroup) -> list[float]:
    if peers.rank == 1:
        time.sleep(7)
    return peers.sum([1.0])


def elsewhere(peers: ProcessGroup) -> None:
    """Train on, the first from a checkpoint that the others do not see."""
    memory = models.Memory()
    if peers.rank == 0:
        loop.run_loop(models.skipgram(), loop.TrainPlan(1), memory.checkpoints())
    loop.run_loop(models.skipgram(), loop.TrainPlan(3), memory.checkpoints(), peers=peers)
