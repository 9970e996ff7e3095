"""Known weights, noisy raters: what is recovered, and that the measurement itself is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lending.credit.ahp import Mean, Method, aggregate_priorities
from lending.credit.survey.definition import packaged
from lending.credit.survey.recovery import NOISE, Recovery, measure_recovery, plot, recovery_text

SURVEY = packaged()


@pytest.fixture(scope="module")
def found() -> Recovery:
    return measure_recovery(noise=(0.0, 0.1, 0.3, 0.6), raters=60, repetitions=3)


def _error(found: Recovery, noise: float, mean: str = "arithmetic", screened: bool = False) -> float:
    (one,) = (
        one
        for one in found.points
        if (one.noise, one.method, one.mean, one.screened) == (noise, Method.EIGENVECTOR, mean, screened)
    )
    return one.error


def test_truths_that_stand_on_the_scale_are_recovered_exactly_without_noise() -> None:
    equal = {
        one.id: {item: 1 / one.size for item in one.items} for one in SURVEY.matrices.values() if one.size > 1
    }
    made = measure_recovery(target=equal, noise=(0.0,), raters=3, repetitions=2)
    assert made.points
    assert all(one.error < 1e-15 and one.accepted == 1 for one in made.points)


def test_without_noise_what_is_left_is_the_scale_s_rounding(found: Recovery) -> None:
    """Every rater says the same, so no mean can differ from another."""
    errors = {_error(found, 0.0, mean) for mean in ("arithmetic", "geometric", "judgements")}
    assert max(errors) - min(errors) < 1e-12
    assert 0.01 < min(errors) < 0.05


def test_some_noise_makes_raters_differ_and_their_mean_better_than_each(found: Recovery) -> None:
    assert _error(found, 0.3) < _error(found, 0.1) < _error(found, 0.0)


def test_much_noise_is_worse_and_worst_for_the_arithmetic_mean(found: Recovery) -> None:
    assert _error(found, 0.6) > _error(found, 0.3)
    assert _error(found, 0.6) > _error(found, 0.6, "geometric")


def test_noise_draws_the_arithmetic_mean_to_equal_weights() -> None:
    """Of a matrix of two, 3 : 1; the average of w = r / (1 + r) over lognormal r is below 3/4."""
    found = weigh_noisily(3.0, 1.0)
    assert 0.5 < found["arithmetic"] < 0.74
    assert found["geometric"] == pytest.approx(0.75, abs=0.01)


def weigh_noisily(ratio: float, noise: float) -> dict[str, float]:
    said = ratio * np.exp(noise * np.random.default_rng(1).standard_normal(20_000))
    weights = np.stack([said / (1 + said), 1 / (1 + said)], axis=1)
    return {
        mean: float(aggregate_priorities(weights, mean=Mean(mean))[0]) for mean in ("arithmetic", "geometric")
    }


def test_the_screen_keeps_out_those_who_answer_anything() -> None:
    made = measure_recovery(noise=(0.3,), raters=60, repetitions=4, careless=0.3)
    assert _error(made, 0.3, screened=True) < _error(made, 0.3) / 2
    assert made.points[0].accepted < 0.7 * 1.01
    careful = measure_recovery(noise=(0.3,), raters=60, repetitions=4)
    assert _error(careful, 0.3) < _error(made, 0.3)


def test_more_raters_err_less_under_noise() -> None:
    few, many = (measure_recovery(noise=(0.5,), raters=number, repetitions=4) for number in (10, 200))
    assert _error(many, 0.5, "judgements") < _error(few, 0.5, "judgements")


def test_the_share_accepted_falls_with_the_noise(found: Recovery) -> None:
    shares = {one.noise: one.accepted for one in found.points}
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert shares[0.0] == 1
    assert shares[0.6] < 0.5


def test_the_same_seed_gives_the_same_numbers(found: Recovery) -> None:
    again = measure_recovery(noise=(0.3,), raters=60, repetitions=3)
    other = measure_recovery(noise=(0.3,), raters=60, repetitions=3, seed=1)
    assert _error(again, 0.3) == _error(found, 0.3)
    assert _error(other, 0.3) != _error(found, 0.3)
    assert len(NOISE) == len(set(NOISE))


def test_one_repetition_has_an_error_and_no_standard_error() -> None:
    made = measure_recovery(noise=(0.3,), raters=5, repetitions=1)
    assert all(one["standard_error"] is None for one in made.to_dict()["points"])


def test_all_is_labelled_synthetic(found: Recovery) -> None:
    assert found.to_dict()["synthetic"] is True
    assert recovery_text(found).startswith("SYNTHETIC")
    assert len(recovery_text(found).splitlines()) == 2 + 2 * (2 + 4)
    assert np.isfinite([one["error"] for one in found.to_dict()["points"]]).all()


def test_the_plot_is_an_svg_of_the_same_bytes_each_time(found: Recovery, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        plot(found, tmp_path / name)
    content = (tmp_path / "a.svg").read_bytes()
    assert content.startswith(b"<?xml")
    assert b"synthetic raters" in content
    assert content == (tmp_path / "b.svg").read_bytes()


def test_measuring_needs_no_matplotlib() -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from lending.credit.survey.recovery import measure_recovery\n"
        "print(len(measure_recovery(noise=(0.3,), raters=5, repetitions=1).points))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) >= 5
