"""The extractions of one command: one recording or a list of them, whole or in shards."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import typer

from wormio.cli.common import progress_bar
from wormio.cli.exits import exit_code
from wormio.cli.stopping import stopping_soon
from wormio.errors import ExtractionError, OptionError, OutputExistsError, WormioError

if TYPE_CHECKING:
    from wormio.extraction import Following
    from wormio.extraction.plan import Plan
    from wormio.extraction.sharding import Share
    from wormio.model import BaseRecording, Positions

__all__ = ["Job", "Request", "dry_run", "plan_jobs", "run_jobs"]


@attrs.frozen(kw_only=True)
class Job:
    """One recording, or a share of it, and where its signals go."""

    path: Path
    output: Path
    share: Share | None = None
    many: bool = False  # of a list: its positions may lie in its own folder

    def span(self, n_volumes: int) -> tuple[int, int]:
        """Return the half-open range of volumes; it may be empty."""
        return (0, n_volumes) if self.share is None else self.share.volumes(n_volumes)


@attrs.frozen(kw_only=True)
class Request:
    """What is asked for, alike for all recordings."""

    positions: Path
    reader: str | None = None
    about: dict[str, Any]  # options of the reader of positions
    drop_outside: bool = False
    format: str | None = None
    options: dict[str, Any]
    config: Path | None = None
    choices: dict[str, Any]  # of extract
    memory: int = 1 << 30
    threads: int | None = None
    processes: int | None = None
    checkpoint: Path | None = None
    follow: Following | None = None
    overwrite: bool = False
    quiet: bool = False


def plan_jobs(
    recordings: list[Path], output: Path, shard: str | None, *, from_list: bool
) -> list[Job]:
    """Return what is to be done, each with its output.

    Parameters
    ----------
    recordings : list of Path
    output : Path
        A file; with `from_list` a folder, in which each recording has a file of its own.
    shard : str or None
        ``i/N``.
    from_list : bool
    """
    from wormio.extraction.sharding import Shard

    chosen = Shard.parse(shard) if shard is not None else Shard(1, 1)
    names = _names(recordings) if from_list else [output.stem]
    jobs = []
    for share in chosen.shares(len(recordings)):
        name = names[share.recording]
        if not share.is_whole:
            width = len(str(chosen.count))
            name += f".shard-{chosen.number:0{width}d}-of-{chosen.count}"
        file = output / f"{name}.h5" if from_list else output.with_name(f"{name}{output.suffix}")
        jobs.append(
            Job(
                path=recordings[share.recording],
                output=file,
                share=None if share.is_whole else share,
                many=from_list,
            )
        )
    return jobs


def _names(recordings: list[Path]) -> list[str]:
    """Name each recording by as many of its last folders as it takes to tell them apart."""
    parts = [path.absolute().parts for path in recordings]
    for length in range(1, max(map(len, parts), default=1) + 1):
        names = ["-".join(each[-length:]).strip("/") for each in parts]
        if len(set(names)) == len(names):
            return names
    raise OptionError("a recording is in the list twice", found=str(recordings[0]))


def run_jobs(jobs: list[Job], request: Request) -> None:
    """Do all jobs; of a list, one that fails does not keep the others from being done.

    Raises
    ------
    WormioError, OSError
        What went wrong, if there is one job only.
    typer.Exit
        With the code of the first error otherwise.
    """
    from wormio.signal.files import check_output

    for job in jobs:
        if not job.many:
            check_output(job.output, overwrite=request.overwrite)
        elif job.output.exists() and not request.overwrite:
            check_output(job.output, overwrite=True)  # at least it must be one of ours
    if len(jobs) == 1 and not jobs[0].many:
        _run(jobs[0], request)
        return
    first_code = 0
    for number, job in enumerate(jobs, 1):
        try:
            _run(job, request)
        except (WormioError, OSError) as error:
            code = exit_code(error)
            first_code = first_code or code
            sys.stderr.write(f"wormio: {number} of {len(jobs)}, {job.path}: {error}\n")
    if first_code:
        raise typer.Exit(first_code)


def _run(job: Job, request: Request) -> None:
    import wormio

    done = [0, 0]
    kept = _checkpoint(job, request)

    def hint() -> str:
        if request.follow is not None:
            return f"{job.path}: stopped following; nothing is kept"
        if kept is None:
            return (
                f"{job.path}: stopped after {done[0]} of {done[1]} volumes; nothing is kept. With "
                "--checkpoint FOLDER the same command could go on"
            )
        return (
            f"{job.path}: stopped after {done[0]} of {done[1]} volumes, which are kept in {kept}; "
            "the same command goes on from there"
        )

    with stopping_soon(hint), _opened(job, request) as (recording, where), ExitStack() as stack:
        span = job.span(recording.timeline.n_volumes)
        if span[0] == span[1] and request.follow is None:
            typer.echo(f"{job.output}: not written, this shard has no volumes")
            return
        if job.many and job.output.exists() and not request.overwrite:
            _check_same(job, request, recording, where, span)
            typer.echo(f"{job.output}: is there already")
            return
        bar = stack.enter_context(progress_bar("extracting", "volumes", request.quiet))

        def progress(n: int, total: int) -> None:
            done[:] = n, total
            if bar is not None:
                bar(n, total)

        done[:] = 0, span[1] - span[0]
        signals = wormio.extract(
            recording,
            where,
            **request.choices,
            volumes=span if job.share is not None else None,
            executor=stack.enter_context(_executor(request)),
            checkpoint=kept,
            follow=request.follow or False,
            memory=request.memory,
            progress=progress,
        )
        wormio.save(job.output, signals, overwrite=request.overwrite)
    for name, signal in signals.items():
        sampled, neurons = signal.data.shape
        typer.echo(
            f"{job.output}: {name}, {neurons} neurons in {sampled} volumes, "
            f"{signal.valid.mean():.1%} of the samples measured"
        )


def dry_run(jobs: list[Job], request: Request, *, as_json: bool) -> None:
    """Say what the jobs would cost; nothing is written."""
    from wormio.extraction.estimating import Estimate, estimate
    from wormio.extraction.executors import hired

    costs: list[dict[str, Any]] = []
    for job in jobs:
        with _opened(job, request) as (recording, where), ExitStack() as stack:
            span = job.span(recording.timeline.n_volumes)
            if span[0] == span[1]:
                continue
            workers = stack.enter_context(hired(stack.enter_context(_executor(request)), recording))
            found = estimate(_plan(recording, where, request), workers, span, memory=request.memory)
            costs.append({"path": str(job.path), "output": str(job.output), **attrs.asdict(found)})
    if as_json:
        typer.echo(json.dumps({"schema_version": 1, "extractions": costs}, indent=2))
        return
    for cost in costs:
        about = Estimate(**{k: v for k, v in cost.items() if k not in {"path", "output"}})
        typer.echo(f"{cost['path']}\n  to write   {cost['output']}\n{_as_text(about)}")
    if len(costs) > 1:
        seconds = sum(cost["seconds"] for cost in costs)
        to_read = sum(cost["bytes_to_read"] for cost in costs)
        typer.echo(f"all {len(costs)}: {_bytes(to_read)} to read, about {_time(seconds)}")


def _as_text(cost: Any) -> str:
    share = cost.bytes_to_read / max(cost.recording_bytes, 1)
    return (
        f"  to extract {cost.neurons} neurons, {cost.channels} channels, {cost.volumes} volumes\n"
        f"  to read    {_bytes(cost.bytes_to_read)}, {share:.0%} of the recording's "
        f"{_bytes(cost.recording_bytes)} of pixels\n"
        f"  memory     {_bytes(cost.memory_bytes)} of pixels at once, "
        f"{_bytes(cost.result_bytes)} of samples\n"
        f"  time       about {_time(cost.seconds)}: an estimate, from {cost.sampled_volumes} "
        f"volumes with {cost.workers} workers"
    )


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


@contextmanager
def _opened(job: Job, request: Request) -> Iterator[tuple[BaseRecording, Positions]]:
    """Open a job's recording and read its positions; the engine knows no files, the user does."""
    import wormio

    positions = request.positions
    folder = job.path if job.path.is_dir() else job.path.parent
    if job.many and (folder / positions).exists():
        positions = folder / positions
    where = wormio.read_positions(positions, request.reader, **request.about)
    with wormio.open(
        job.path, request.format, config=request.config, **request.options
    ) as recording:
        if request.drop_outside:
            where = where.without_outside(*recording.frames.shape[2:])
        try:
            yield recording, where
        except ExtractionError as error:
            error.path = error.path or f"{job.path} with {positions}"
            raise


@contextmanager
def _executor(request: Request) -> Iterator[Executor | None]:
    if request.threads is not None and request.processes is not None:
        raise OptionError("threads or processes?", expected="one of --threads and --processes")
    if request.processes is not None:
        from wormio.extraction.executors import spawned

        with spawned(request.processes) as processes:
            yield processes
    elif request.threads is not None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(request.threads) as threads:
            yield threads
    else:
        yield None


def _checkpoint(job: Job, request: Request) -> Path | None:
    """Each output has its own; that of a single one is the folder itself."""
    if request.checkpoint is None or not (job.many or job.share):
        return request.checkpoint
    return request.checkpoint / job.output.stem


def _plan(recording: BaseRecording, where: Positions, request: Request) -> Plan:
    from wormio.extraction.engine import make_plan

    return make_plan(recording, where, **request.choices)


def _check_same(
    job: Job,
    request: Request,
    recording: BaseRecording,
    where: Positions,
    span: tuple[int, int],
) -> None:
    """Refuse an output that is there already, unless it is what would be made again."""
    import wormio
    from wormio.extraction.assembling import options_of

    made = next(iter(wormio.load(job.output).values())).provenance
    options = options_of(_plan(recording, where, request), span)
    same = (
        made is not None
        and made.recording_id == recording.recording_id
        and made.options == options
        and made.positions == where
    )
    if not same:
        raise OutputExistsError(
            "the output is there already, of another recording or with other options",
            path=job.output,
            cure="choose another folder, or ask for it to be overwritten (--overwrite)",
        )
