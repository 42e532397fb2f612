"""``make bench``: every benchmark, each as ratios against peers in the same run."""

from __future__ import annotations

from tests.bench import bench_engine, bench_night, bench_scorecard, bench_warehouse


def main() -> None:
    """Run them one after another."""
    for name, module in (
        ("warehouse", bench_warehouse),
        ("scorecard", bench_scorecard),
        ("engine", bench_engine),
        ("night", bench_night),
    ):
        print(f"\n== {name}")
        module.main()


if __name__ == "__main__":
    main()
