"""kill -9 at any moment: the same command goes on, and the result is bit-identical."""

import json
import os
import select
import signal
import subprocess
import sys

import pytest

import wormio
from wormio.testing import Phantom, Scan, write_leifer, write_truth

# Runs the same command in child after child, and kills each at a random moment, until it has killed
# often enough. Children are forked so that none spends its time on imports.
KILLER = """
import hashlib, json, os, pathlib, random, select, shutil, signal, sys, time
import wormio
from wormio.cli import main
from wormio.extraction import checkpoint

folder, output, kept, kills = sys.argv[1:]
command = ["extract", folder, "-p", folder + "/positions.csv", "-o", output, "--quiet",
           "--checkpoint", kept, "--memory", "1", "--threads", "2"]
checkpoint._BLOCK_SECONDS = 0.0
try:
    main(command)  # all imports
except SystemExit as ended:
    assert not ended.code

def run(seconds):
    pid = os.fork()
    if not pid:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        main(command)
    handle = os.pidfd_open(pid)
    ended = select.select([handle], [], [], seconds)[0]
    if not ended:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    os.close(handle)
    return os.waitstatus_to_exitcode(status)

def digest():
    return hashlib.sha256(pathlib.Path(output).read_bytes()).hexdigest()

def clear():
    pathlib.Path(output).unlink(missing_ok=True)
    shutil.rmtree(kept, ignore_errors=True)

whole = digest()
clear()
begin = time.monotonic()
assert run(None) == 0
usual = time.monotonic() - begin
assert digest() == whole
clear()
rng = random.Random(7)
found = {"whole": whole, "kills": 0, "resumed": 0, "digests": [], "codes": []}
while found["kills"] < int(kills):
    for _ in range(6):
        blocks = len(list(pathlib.Path(kept).glob("*.block")))
        if run(rng.uniform(0, usual)) != -signal.SIGKILL:
            break
        found["kills"] += 1
        found["resumed"] += blocks > 0
        if pathlib.Path(output).exists():  # killed after the output had its name
            break
    else:
        found["codes"].append(run(None))
    found["digests"].append(digest())
    clear()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    phantom = Phantom(Scan.synthetic(n_volumes=30), n_neurons=5, shape=(32, 48), n_stimuli=0)
    folder = write_leifer(phantom, tmp_path_factory.mktemp("phantom") / "recording")
    write_truth(phantom, folder)
    return folder


@pytest.mark.slow
def test_after_any_kill_the_same_command_goes_on_to_the_same_file(folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLER, folder, tmp_path / "t.h5", tmp_path / "kept", "24"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kills"] >= 24
    assert found["resumed"] > 0  # kills came in the middle of the work
    assert set(found["codes"]) <= {0}
    assert set(found["digests"]) == {found["whole"]}


STUCK = """
import os, signal, sys, threading
from wormio.cli import main
from wormio.extraction import checkpoint, executors
checkpoint._BLOCK_SECONDS = 0.0
compute = executors.compute
SIGNALS = {signal.SIGINT, signal.SIGTERM}
if "ELSEWHERE" in os.environ:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

def stuck(recording, task):
    if task.volumes[0] == 4:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        print("stuck", flush=True)
        threading.Event().wait()  # a disk that does not answer
    return compute(recording, task)

executors.compute = stuck
main(sys.argv[1:])
"""


# Elsewhere: the signal does not wake the main thread, as happens when it comes in the moment
# before that begins to wait.
@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_work_even_where_a_disk_does_not_answer(
    folder, tmp_path, number, code, elsewhere
):
    kept = tmp_path / "kept"
    arguments = ["extract", folder, "-p", folder / "positions.csv", "-o", tmp_path / "t.h5"]
    arguments += ["--memory", "1", "--threads", "1", "--checkpoint", kept]
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | ({"ELSEWHERE": "1"} if elsewhere else {}),
    ) as process:
        try:
            assert process.stdout.readline() == b"stuck\n"
            process.send_signal(number)
            _, err = process.communicate(timeout=120)  # else it would be there for ever
        finally:
            process.kill()
    assert process.returncode == code
    assert b"the same command goes on" in err
    assert b"Traceback" not in err
    assert not (tmp_path / "t.h5").exists()
    # What was done before is kept, and serves.
    with wormio.open(folder) as recording:
        reports = []
        wormio.extract(
            recording,
            wormio.read_positions(folder / "positions.csv"),
            mask=wormio.Box(3, 5, 5),
            checkpoint=kept,
            progress=lambda done, _total: reports.append(done),
        )
    assert reports[0] >= 3


ORPHANS = """
import os, sys
from wormio.extraction.executors import spawned

if __name__ == "__main__":
    with spawned(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS)
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the system's tracker complains of the murder
    ) as parent:
        worker = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            assert select.select([worker], [], [], 60)[0], "the worker lives on"
        finally:
            os.close(worker)
