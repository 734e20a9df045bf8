import pandas as pd

from tests.gpu.verdict import beside_published


def test_test_errors_stand_beside_the_published_ones_in_percent() -> None:
    runs = pd.DataFrame(
        [("residual", 56, 0.068), ("residual", 56, 0.072), ("plain", 20, 0.0975), ("plain", 8, 0.5)],
        columns=["arm", "depth", "test_error"],
    )
    assert beside_published(runs).rows == (
        ("plain-8", "1", "50.00", "", ""),
        ("plain-20", "1", "9.75", "", "9.78 ± 0.13"),
        ("residual-56", "2", "7.00 ± 0.28", "6.97", "7.40 ± 0.27"),
    )
