"""TMAC against dense linear algebra; ICA and regression against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.stats import multivariate_normal

from wormio.signal import _two_channel as two
from wormio.signal import tmac


def mirrored(variance, length, n):
    """Return the covariance of a Gaussian process that is mirrored at both ends, mean removed.

    By its definition: a cosine series whose coefficients have the kernel's spectrum as variances.
    """
    t = np.arange(n)
    w = np.pi * np.arange(1, n) / n
    waves = np.sqrt(2 / n) * np.cos(w * (t[:, None] + 0.5))
    power = variance * length * np.sqrt(2 * np.pi) * np.exp(-0.5 * (w * length) ** 2)
    return (waves * power) @ waves.T


@pytest.fixture(scope="module")
def traces():
    rng = np.random.default_rng(0)
    n = 60
    a = rng.multivariate_normal(np.zeros(n), mirrored(0.2, 4.0, n))
    m = rng.multivariate_normal(np.zeros(n), mirrored(0.1, 2.0, n))
    r = 1 + m + 0.1 * rng.normal(size=n)
    g = 1 + a + m + 0.1 * rng.normal(size=n)
    return g, r


def test_the_posterior_mean_is_that_of_dense_linear_algebra(traces):
    g, r = traces
    n = len(g)
    fit = tmac.fit_tmac(g, r)
    cov_a = mirrored(fit.variance_activity, fit.length_activity, n)
    cov_m = mirrored(fit.variance_motion, fit.length_motion, n)
    eye = np.eye(n)
    total = np.block(
        [
            [cov_m + fit.noise_reference * eye, cov_m],
            [cov_m, cov_a + cov_m + fit.noise_signal * eye],
        ]
    )
    seen = np.concatenate([r - r.mean(), g - g.mean()])
    solved = np.linalg.solve(total, seen)
    np.testing.assert_allclose(fit.activity, cov_a @ solved[n:], atol=1e-8)
    np.testing.assert_allclose(fit.motion, cov_m @ (solved[:n] + solved[n:]), atol=1e-8)
    # Without the mean, of which the model says nothing.
    basis = np.linalg.svd(np.ones((1, n)))[2][1:]
    both = np.kron(np.eye(2), basis)
    density = multivariate_normal(np.zeros(2 * n - 2), both @ total @ both.T)
    assert fit.log_evidence == pytest.approx(density.logpdf(both @ seen), abs=1e-6)


def test_the_gradient_is_that_of_the_evidence():
    rng = np.random.default_rng(1)
    w2 = (np.pi * np.arange(1, 40) / 40) ** 2
    r, g = rng.normal(size=(2, 39))
    count = rng.integers(1, 5, 39).astype(float)
    evidence = tmac._Evidence(w2, r * r, g * g, r * g, count)
    for _ in range(5):
        at = rng.normal(scale=0.7, size=6)
        numeric = approx_fprime(at, lambda p: evidence(p)[0], 1e-7)
        np.testing.assert_allclose(evidence(at)[1], numeric, rtol=1e-4, atol=1e-4)


def test_the_parameters_of_the_model_are_found():
    rng = np.random.default_rng(2)
    n = 2000
    waves = np.pi * np.arange(n) / n

    def draw(variance, length):
        from scipy.fft import idct

        power = variance * length * np.sqrt(2 * np.pi) * np.exp(-0.5 * (waves * length) ** 2)
        return idct(rng.normal(size=n) * np.sqrt(power), type=2, norm="ortho")

    a, m = draw(0.09, 10.0), draw(0.04, 3.0)
    fit = tmac.fit_tmac(1 + a + m + 0.1 * rng.normal(size=n), 1 + m + 0.05 * rng.normal(size=n))
    assert fit.converged
    found = [fit.variance_activity, fit.length_activity, fit.variance_motion, fit.length_motion]
    np.testing.assert_allclose(found, [0.09, 10, 0.04, 3], rtol=0.3)
    np.testing.assert_allclose([fit.noise_signal, fit.noise_reference], [0.01, 0.0025], rtol=0.1)
    assert np.corrcoef(fit.activity, a)[0, 1] > 0.95
    assert np.corrcoef(fit.motion, m)[0, 1] > 0.95


def test_the_end_is_not_taken_for_a_neighbour_of_the_beginning():
    rng = np.random.default_rng(3)
    n = 1000
    a = 0.8 * np.linspace(-1, 1, n)  # its ends could not be farther apart
    m = 0.1 * rng.normal(size=n)
    fit = tmac.fit_tmac(1 + a + m + 0.05 * rng.normal(size=n), 1 + m + 0.05 * rng.normal(size=n))
    error = np.abs(fit.activity - a)
    assert error[:30].mean() < 0.05
    assert error[-30:].mean() < 0.05


def test_ica_separates_what_was_mixed():
    rng = np.random.default_rng(4)
    n = 5000
    activity = np.convolve(
        rng.exponential(size=n) * (rng.random(n) < 0.02), np.exp(-np.arange(50) / 10)
    )[:n]
    motion = rng.uniform(-1, 1, n)
    r, g = 1 + 0.3 * motion, 1 + activity - activity.mean() + 0.3 * motion
    corrected, found = two.by_ica(g, r, np.ones(n, bool))
    assert np.corrcoef(corrected, activity)[0, 1] > 0.999
    chance = np.corrcoef(activity, motion)[0, 1]
    assert np.corrcoef(corrected, motion)[0, 1] == pytest.approx(chance, abs=0.02)
    assert found["likeness"][0] > 0.99


def test_ica_agrees_with_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(5)
    sources = np.stack([rng.laplace(size=3000), rng.uniform(-1, 1, 3000)])
    r, g = 1 + 0.1 * np.array([[0.2, 1.0], [1.0, 0.8]]) @ sources
    corrected, _ = two.by_ica(g, r, np.ones(3000, bool))
    ica = decomposition.FastICA(2, whiten="unit-variance", random_state=0, tol=1e-8)
    found = ica.fit_transform(np.stack([r, g], axis=1))
    alike = np.abs(np.corrcoef(found.T, r)[2, :2])
    other = found[:, int(np.argmin(alike))]
    assert abs(np.corrcoef(corrected, other)[0, 1]) > 0.999


def test_robust_regression_minimises_hubers_loss():
    rng = np.random.default_rng(6)
    x = 1 + 0.2 * rng.normal(size=800)
    y = 1 + 0.7 * (x - 1) + 0.05 * rng.normal(size=800)
    y[rng.random(800) < 0.1] += 3 * (x.max() - 1)  # transients
    both = np.ones(800, bool)
    corrected, found = two.by_regression(y, x, both, nonnegative=True, noisy_reference=False)
    residual = y - found["beta"] * x
    scale = 1.4826 * np.median(np.abs(residual - np.median(residual)))

    def huber(p):
        r = np.abs(y - p[0] - p[1] * x) / (1.345 * scale)
        return np.where(r < 1, r**2 / 2, r - 0.5).sum()

    best = minimize(huber, [0.3, 0.7], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    assert found["beta"] == pytest.approx(best.x[1], rel=1e-4)
    assert found["beta"] == pytest.approx(0.7, abs=0.03)
    np.testing.assert_allclose(corrected, y - found["beta"] * (x - 1))


def test_noise_in_the_reference_is_allowed_for():
    rng = np.random.default_rng(7)
    m = np.convolve(rng.normal(size=4100), np.ones(50) / np.sqrt(50), "valid")[:4000] * 0.1
    r = 1 + m + 0.1 * rng.normal(size=4000)
    g = 1 + m + 0.02 * rng.normal(size=4000)
    both = np.ones(4000, bool)
    _, plain = two.by_regression(g, r, both, nonnegative=True, noisy_reference=False)
    _, allowed = two.by_regression(g, r, both, nonnegative=True, noisy_reference=True)
    assert plain["beta"] == pytest.approx(0.5, abs=0.08)
    assert allowed["beta"] == pytest.approx(1.0, abs=0.1)
    white = 1 + 0.1 * rng.normal(size=4000)
    outcome = two.by_regression(g, white, both, nonnegative=True, noisy_reference=True)
    assert outcome == "the reference is noise"


def test_a_negative_share_of_motion_is_none_unless_allowed():
    rng = np.random.default_rng(8)
    r = 1 + 0.1 * rng.normal(size=500)
    g = 2 - r + 0.01 * rng.normal(size=500)
    both = np.ones(500, bool)
    same, _ = two.by_regression(g, r, both, nonnegative=True, noisy_reference=False)
    np.testing.assert_array_equal(same, g)
    flat, _ = two.by_regression(g, r, both, nonnegative=False, noisy_reference=False)
    assert flat.std() < 0.02
