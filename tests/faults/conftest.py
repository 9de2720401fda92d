"""The program as a user runs it, in this process."""

import signal

import pytest

from wormio.cli import main


@pytest.fixture
def run(capsys):
    """Return a function that runs the program and gives exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        finally:
            signal.signal(signal.SIGTERM, handler)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call
