"""Several processes, on one machine or on many, that work as one (`jax.distributed`).

What they tell each other then is in `vggjax.collective`.
"""

import os
import socket
import time

import jax

from vggjax.errors import VggjaxError

TIMEOUT = 300  # seconds to wait for the other processes
# Launchers that JAX recognises by itself, and where each says how many processes it has started.
LAUNCHERS = {"SLURM_STEP_NODELIST": "SLURM_NTASKS", "OMPI_MCA_orte_hnp_uri": "OMPI_COMM_WORLD_SIZE"}


def initialize(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    detect: bool = False,
    timeout: int = TIMEOUT,
) -> None:
    """Join the other processes, before anything else uses a device.

    `coordinator` is "HOST:PORT" of process 0, `processes` their number, `process` this one's,
    from 0; by default `$JAX_COORDINATOR_ADDRESS`, `$JAX_NUM_PROCESSES` and `$JAX_PROCESS_ID`. What
    is missing then JAX finds out itself, if SLURM, Open MPI or a TPU pod's variables tell of
    several processes, or if `detect` is set (which a TPU pod without such variables needs).
    Otherwise nothing happens, at no cost.
    Raises VggjaxError if something is missing or wrong, or if process 0 isn't there after `timeout`
    seconds; if another process is missing then, JAX aborts the program.
    """
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    processes = _number("JAX_NUM_PROCESSES") if processes is None else processes
    process = _number("JAX_PROCESS_ID") if process is None else process
    missing = [coordinator, processes, process].count(None)
    managed = detect or _launched()
    if jax.distributed.is_initialized() or (missing == 3 and not managed):
        return
    if missing and not managed:
        raise VggjaxError(
            "A process of a cluster needs the coordinator's address, the number of processes and "
            "its own number (--coordinator, --processes and --process)."
        )
    if processes is not None and not 0 <= (process or 0) < processes:
        raise VggjaxError(f"There is no process {process or 0} of {processes}; they count from 0.")
    if coordinator:
        _check_address(coordinator, process, timeout)
    try:
        jax.distributed.initialize(coordinator, processes, process, initialization_timeout=timeout)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise VggjaxError(f"The processes of the cluster can't be joined ({reason}).") from error


def _launched() -> bool:
    """Whether a launcher's variables tell of several processes; `srun --pty` alone is one."""
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "")
    counts = [_number(count) for name, count in LAUNCHERS.items() if name in os.environ]
    return "," in hosts or any((count or 1) > 1 for count in counts)


def _number(variable: str) -> int | None:
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() else None


def _check_address(coordinator: str, process: int | None, timeout: float) -> None:
    """Say in a sentence for what JAX would abort the program."""
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise VggjaxError(f"The coordinator's address must be HOST:PORT, not {coordinator}.")
    try:
        if process == 0:
            socket.create_server(("", int(port))).close()
        elif process is not None:
            _wait_for(host.strip("[]"), int(port), timeout)
    except OSError as error:
        whose = f"Port {port} of this machine" if process == 0 else f"Process 0 at {coordinator}"
        raise VggjaxError(f"{whose} can't be used ({error}); check the address.") from error


def _wait_for(host: str, port: int, timeout: float) -> None:
    """Try to connect until it works; OSError if it doesn't within `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection((host, port), timeout=max(1, timeout)).close()
        except OSError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)
