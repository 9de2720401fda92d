"""Two-channel motion artifact correction, after Creamer, Chen, Leifer & Pillow (2022).

PLoS Computational Biology 18: e1010421, 10.1371/journal.pcbi.1010421. Written after the paper.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Tmac", "fit_tmac"]

Floats = NDArray[np.float64]

# Where the search for the parameters begins: length scales of activity and motion, in samples.
_STARTS = ((15.0, 3.0), (3.0, 15.0), (6.0, 6.0))
# Length scales lie between half a sample and a quarter of the trace; variances between these shares
# of the traces' own.
_SHORTEST, _LONGEST = 0.5, 0.25
_LEAST, _MOST = 1e-8, 1e2
# The first search takes so many frequencies one by one, the rest in bins of this relative width.
_SINGLE, _WIDTH = 200, 0.03


@attrs.frozen
class Tmac:
    """One neuron: what was inferred, and the model's parameters.

    Parameters
    ----------
    activity, motion : (T,) float64
        Posterior means of a and m; 0 at rest.
    variance_activity, variance_motion : float
    length_activity, length_motion : float
        Length scales, in samples.
    noise_signal, noise_reference : float
        Variances.
    log_evidence : float
    converged : bool
    """

    activity: Floats
    motion: Floats
    variance_activity: float
    variance_motion: float
    length_activity: float
    length_motion: float
    noise_signal: float
    noise_reference: float
    log_evidence: float
    converged: bool


def fit_tmac(signal: Floats, reference: Floats) -> Tmac:
    """Infer activity and motion of one neuron.

    The model is ``reference = 1 + m + noise`` and ``signal = 1 + a + m + noise``, where activity a
    and motion m are independent Gaussian processes with kernels ``v exp(-dt**2 / (2 l**2))`` and
    each channel has white noise. The six parameters are those of the highest evidence; a and m are
    then posterior means, in closed form.

    The paper takes the trace for a circle, in which Fourier coefficients are independent; then its
    end is taken for its beginning's neighbour. Here it is mirrored at both ends instead, which
    makes Fourier coefficients those of a cosine transform: as many, real, as independent, and
    nothing wraps around.

    Parameters
    ----------
    signal, reference : (T,) float64
        Divided by their means, bleaching removed, finite, evenly sampled, not smoothed.

    Returns
    -------
    Tmac
    """
    from scipy.fft import dct, idct
    from scipy.optimize import minimize

    n = len(signal)
    g = dct(signal - signal.mean(), type=2, norm="ortho")[1:]
    r = dct(reference - reference.mean(), type=2, norm="ortho")[1:]
    w2 = (np.pi * np.arange(1, n) / n) ** 2
    evidence = _Evidence(w2, r * r, g * g, r * g, np.ones(n - 1))
    rough = evidence.in_bins()
    var_g, var_r = max(float(signal.var()), 1e-300), max(float(reference.var()), 1e-300)
    small, large = np.log([_LEAST * min(var_g, var_r), _MOST * max(var_g, var_r)])
    lengths = (np.log(_SHORTEST), np.log(max(2 * _SHORTEST, _LONGEST * n)))
    bounds = [(small, large), lengths, (small, large), lengths, (small, large), (small, large)]
    best: Any = None
    for length_a, length_m in _STARTS:
        start = np.log([0.5 * var_g, length_a, 0.5 * var_r, length_m, 0.3 * var_g, 0.3 * var_r])
        start = np.clip(start, [low for low, _ in bounds], [high for _, high in bounds])
        found = minimize(rough, start, jac=True, method="L-BFGS-B", bounds=bounds)
        if best is None or found.fun < best.fun:
            best = found
    best = minimize(evidence, best.x, jac=True, method="L-BFGS-B", bounds=bounds)
    v_a, l_a, v_m, l_m, s_g, s_r = np.exp(best.x)
    s_activity, s_motion = _spectrum(v_a, l_a, w2), _spectrum(v_m, l_m, w2)
    det = (s_motion + s_r) * (s_activity + s_motion + s_g) - s_motion**2
    a = s_activity * ((s_motion + s_r) * g - s_motion * r) / det
    m = s_motion * ((s_activity + s_g) * r + s_r * g) / det
    return Tmac(
        activity=np.asarray(idct(np.concatenate([[0.0], a]), type=2, norm="ortho")),
        motion=np.asarray(idct(np.concatenate([[0.0], m]), type=2, norm="ortho")),
        variance_activity=float(v_a),
        variance_motion=float(v_m),
        length_activity=float(l_a),
        length_motion=float(l_m),
        noise_signal=float(s_g),
        noise_reference=float(s_r),
        log_evidence=-float(best.fun) - (n - 1) * float(np.log(2 * np.pi)),
        converged=bool(best.success),
    )


def _spectrum(variance: float, length: float, w2: Floats) -> Floats:
    """Return the power of a Gaussian kernel at squared angular frequencies a sample."""
    # Far below any noise; numbers that are nearly zero make the processor slow.
    exponent = np.maximum(-0.5 * length**2 * w2, -60.0)
    return np.asarray(variance * length * np.sqrt(2 * np.pi) * np.exp(exponent))


@attrs.frozen
class _Evidence:
    """Minus the log evidence, but for a constant, and its gradient.

    At each frequency the two coefficients (r, g) have covariance [[M + sr, M], [M, A + M + sg]]
    with determinant D; so minus twice the log evidence is the sum of
    ``log D + ((A + M + sg) r^2 - 2 M r g + (M + sr) g^2) / D``. Each entry stands for `count`
    frequencies.
    """

    w2: Floats
    rr: Floats
    gg: Floats
    rg: Floats
    count: Floats

    def in_bins(self) -> _Evidence:
        """Return nearly the same from far fewer numbers: high frequencies hardly differ."""
        n = len(self.w2)
        edges = [min(n, _SINGLE)]
        while edges[-1] < n:
            edges.append(min(n, edges[-1] + max(1, int(_WIDTH * edges[-1]))))
        starts = np.concatenate([np.arange(edges[0]), edges[:-1]]).astype(int)
        count = np.diff(np.append(starts, n)).astype(float)

        def mean(each: Floats) -> Floats:
            return np.asarray(np.add.reduceat(each, starts) / count)

        return _Evidence(mean(self.w2), mean(self.rr), mean(self.gg), mean(self.rg), count)

    def __call__(self, log_parameters: Floats) -> tuple[float, Floats]:
        v_a, l_a, v_m, l_m, s_g, s_r = np.exp(log_parameters)
        a, m = _spectrum(v_a, l_a, self.w2), _spectrum(v_m, l_m, self.w2)
        top, bottom = m + s_r, a + m + s_g
        det = top * bottom - m * m
        form = (bottom * self.rr - 2 * m * self.rg + top * self.gg) / det
        value = 0.5 * float(self.count @ (np.log(det) + form))
        # Derivatives by the two variances and by the covariance.
        rest = (1 - form) / det
        k = self.count
        by_top = bottom * rest + self.gg / det
        by_bottom = top * rest + self.rr / det
        by_cross = -2 * m * rest - 2 * self.rg / det
        by_a, by_m = a * by_bottom, m * (by_top + by_bottom + by_cross)
        in_l_a, in_l_m = 1 - self.w2 * l_a**2, 1 - self.w2 * l_m**2
        gradient = 0.5 * np.array(
            [
                k @ by_a,
                k @ (by_a * in_l_a),
                k @ by_m,
                k @ (by_m * in_l_m),
                s_g * (k @ by_bottom),
                s_r * (k @ by_top),
            ]
        )
        return value, gradient
