from limbeck.core.measurement import Measurement
from limbeck.evidence.table import metric_name, render_text, rows

MEASURED = [
    Measurement("teacher", "accuracy", 0.8753, "fraction", "test", 1821, 0.86, 0.89),
    Measurement("student", "accuracy", 0.8653, "fraction", "test", 1821, 0.8491, 0.881),
    Measurement("student", "retention", 0.98857, "ratio", "test", 1821, 0.97, 1.01),
    Measurement("teacher", "parameters", 22_713_986, "parameters"),
    Measurement("student", "parameters", 8_400, "parameters"),
    Measurement("student", "size_bytes", 16_712_345, "bytes"),
    Measurement("student", "latency_p50", 2.614, "ms"),
    Measurement("teacher", "latency_p50", 123.4, "ms"),
    Measurement("student", "throughput", 1234.5, "sentences/s"),
    Measurement("student", "speedup", 7.04, "ratio"),
]


def test_rows_hold_what_was_measured():
    assert rows(MEASURED, ["teacher", "student"], "accuracy") == [
        ("model", "parameters", "size", "accuracy", "retention", "p50", "sentences/s", "speed-up"),
        ("teacher", "22.7 M", "–", "87.5 [86.0, 89.0]", "–", "123 ms", "–", "–"),
        ("student", "8.4 k", "16.7 MB", "86.5 [84.9, 88.1]", "98.9 %", "2.61 ms", "1,234", "7.0×"),
    ]


def test_text_is_aligned_and_narrow():
    text = render_text(rows(MEASURED, ["teacher", "student"], "accuracy"))
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 110
    assert lines[2].startswith("teacher ")
    assert lines[3].endswith(" 7.0×")


def test_a_full_table_fits_110_columns():
    wide = [
        Measurement("student-4x312", metric, value, unit, low=low, high=low)
        for metric, value, unit, low in (
            ("macro_precision", 1.0, "fraction", 1.0), ("parameters", 1.1e8, "parameters", None),
            ("size_bytes", 4.4e8, "bytes", None), ("retention", 1.0, "ratio", None), ("latency_p50", 123, "ms", None),
            ("latency_p95", 1234, "ms", None), ("throughput", 12345, "sentences/s", None),
            ("speedup", 12, "ratio", None),
        )
    ]  # fmt: skip
    text = render_text(rows(wide, ["student-4x312"], "macro_precision"))
    assert max(map(len, text.splitlines())) <= 110


def test_names_for_people():
    assert [metric_name(m) for m in ("entity_f1", "roc_auc", "mcc", "ece")] == ["entity F1", "ROC AUC", "MCC", "ECE"]
