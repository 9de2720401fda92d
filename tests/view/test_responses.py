import numpy as np
import pytest

import wormio
from wormio.testing import two_channels


def test_each_panel_says_how_many_responses_its_mean_is_of():
    pytest.importorskip("matplotlib")
    from wormio.view import mean_responses

    known = two_channels(100, 2).signal
    valid = np.ones((100, 2), bool)
    valid[41, 1] = False  # one of four responses lacks a sample
    rows = np.array([20, 40, 60, 80])
    flash = wormio.Events(
        count=rows,
        frame=rows,
        time=known.time[rows],
        volume=rows,
        duration=np.ones(4),
        error_frames=np.zeros(4, int),
        status=np.zeros(4, int),
    )
    signal = wormio.Signal(
        data=known.data,
        valid=valid,
        time=known.time,
        channel=known.channel,
        events={"flash": flash},
    )
    figure = mean_responses(signal.around("flash", before=1.0, after=3.0).average())
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.partition(" ")[2] for title in titles] == ["(n = 4)", "(n = 3 to 4)"]
