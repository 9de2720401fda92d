"""Real clusters: dask's workers as an executor, and the script that dask-jobqueue submits."""

import os
import signal
from pathlib import Path

import pytest

import wormio
from wormio.errors import WorkerLostError
from wormio.testing import Phantom, Scan, write_leifer

pytestmark = [
    pytest.mark.slow,
    # dask and its libraries leave sockets and loops to the garbage collector.
    pytest.mark.filterwarnings("default"),
]

distributed = pytest.importorskip("distributed", reason="the group 'distributed' is not installed")


@pytest.fixture(scope="module")
def phantom():
    return Phantom(Scan.synthetic(n_volumes=8), n_neurons=6, shape=(48, 64), n_stimuli=1)


@pytest.fixture(scope="module")
def folder(phantom, tmp_path_factory):
    return write_leifer(phantom, tmp_path_factory.mktemp("leifer") / "recording")


@pytest.fixture(scope="module")
def client():
    import dask

    # One death of a worker is enough for a task to be given up.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_dask_workers_give_the_same(phantom, folder, client, tmp_path):
    executor = client.get_executor(pure=False)
    with wormio.open(folder) as recording:
        expected = wormio.extract(recording, phantom.positions())
        found = wormio.extract(
            recording, phantom.positions(), executor=executor, checkpoint=tmp_path / "kept"
        )
        assert found == expected
        # A task a volume, in whatever order they come back.
        found = wormio.extract(recording, phantom.positions(), executor=executor, memory=1)
        assert found == expected
        # Each worker opened the recording once for each of these, and keeps two at most open.
        held = client.run(_held_open, str(folder))
    assert 0 < max(held.values()) <= 2


def _held_open(folder):
    links = list(Path("/proc/self/fd").iterdir())
    found = [str(link.readlink()) for link in links if link.is_symlink()]
    return sum(path.startswith(folder) and path.endswith(".dat") for path in found)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_cluster_that_loses_its_workers_is_told_and_the_same_call_goes_on(
    phantom, folder, client, tmp_path, monkeypatch
):
    from wormio.extraction import executors

    executor = client.get_executor(pure=False)
    with wormio.open(folder) as recording:
        expected = wormio.extract(recording, phantom.positions())
        monkeypatch.setattr(executors, "compute_there", lambda *_: _die())
        with pytest.raises(WorkerLostError, match="was lost") as caught:
            wormio.extract(
                recording, phantom.positions(), executor=executor, checkpoint=tmp_path / "kept"
            )
        assert "KilledWorker" in caught.value.found
        monkeypatch.undo()
        client.wait_for_workers(1)
        found = wormio.extract(
            recording, phantom.positions(), executor=executor, checkpoint=tmp_path / "kept"
        )
    assert found == expected


def test_the_cluster_of_the_how_to_page_submits_the_script_it_shows():
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    with jobqueue.SLURMCluster(
        cores=4,
        processes=1,
        memory="8GB",
        walltime="02:00:00",
        queue="short",
        interface="lo",
        scheduler_options={"dashboard_address": None},
    ) as cluster:
        script = cluster.job_script()
    for line in ("#SBATCH -p short", "#SBATCH --cpus-per-task=4", "#SBATCH -t 02:00:00"):
        assert line in script
    assert "distributed.cli.dask_worker" in script or "dask worker" in script
