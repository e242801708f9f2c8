from limbeck.evidence.raw_text import answers, is_from_text, meanings, measured, text_rows
from tests.page.text_factory import TextRun


def test_numbers_carry_units_split_and_documents(tmp_path):
    student = TextRun().make(tmp_path)["student"]
    found = {m.metric: m for m in measured("student", student)}
    assert (found["accuracy"].value, found["accuracy"].unit) == (0.315, "fraction")
    assert (found["loss"].unit, found["loss"].split, found["loss"].n) == ("loss", "dev", 60)
    assert found["cosine"].value < found["loss"].value
    assert (found["training_steps"].value, found["training_tokens"].value) == (4000, 1_200_000)
    assert found["training_speed"].value == 1_200_000 / 720
    assert found["size_bytes"].value == 17_391


def test_what_was_not_trained_on_text_has_costs_alone(tmp_path):
    teacher = TextRun().make(tmp_path)["teacher"]
    assert not is_from_text(teacher)
    assert [m.metric for m in measured("teacher", teacher)] == ["parameters", "size_bytes"]


def test_the_table_has_a_column_for_each_score_there_is(tmp_path):
    made = TextRun(scores={"pair_accuracy": 0.75}).make(tmp_path)
    numbers = [m for role in ("teacher", "student") for m in measured(role, made[role])]
    heads, teacher, student = text_rows(numbers, ["teacher", "student"])
    assert heads == ("model", "parameters", "size", "pair accuracy", "loss", "training", "tokens/s")
    assert teacher == ("teacher", "22.7 M", "0.02 MB", "–", "–", "–", "–")
    assert student == ("student", "17.4 M", "0.02 MB", "75.0", "1.018", "12.0 min", "1,667")


def test_several_answers_are_told_together():
    facts = {"corpus": {}, "history": [{"dev": {"loss": 2.0, "accuracy": 0.5, "pair_accuracy": 0.75}}]}
    told = "On documents that were held out, the model guesses 50.0 % of the hidden words and is right about 75.0 % of"
    assert answers("model", facts).startswith(told)
    assert [meaning.partition(":")[0] for meaning in meanings(["loss", "accuracy"])] == ["Accuracy", "Loss"]


def test_of_replaced_tokens_it_is_told_how_many_are_found():
    dev = {"replaced_accuracy": 0.85, "replaced_recall": 0.0}
    told = answers("model", {"corpus": {}, "history": [{"dev": dev}]})
    assert "is right about 85.0 % of the tokens, replaced or not and finds 0.0 % of those that were" in told
    assert [meaning.partition(":")[0] for meaning in meanings(dev)] == ["Replaced accuracy", "Replaced recall"]
