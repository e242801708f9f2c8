"""Pre-train a network on raw text: from random weights, or on from a model (domain adaptation, a lost head).

What it is asked are pretexts, whose answers stand in the text. Source of the order of phases, short texts first, long
ones last: BERT, Devlin et al. 2018, arXiv:1810.04805, appendix A.2.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import DataError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.shape import is_shape
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.spec import Weighted
from limbeck.engine import processes
from limbeck.engine.corpus import CorpusRows, Questions, Rounds, check_whole, splits
from limbeck.engine.corpus_exam import CorpusExam
from limbeck.engine.filling import Filling
from limbeck.engine.loop import train
from limbeck.engine.mixture import Mixture, mix
from limbeck.engine.run import Run
from limbeck.engine.seed import seed_all
from limbeck.engine.training import CorpusPhase, Tracked, single_phase
from limbeck.nn.beginnings import MASKED_LM, foreseen_parts, from_shape, shaped_config, with_heads
from limbeck.nn.checkpoint import check_length, model_hashes, read_config, resolve, save
from limbeck.nn.generators import generator_of
from limbeck.nn.model import Model, best_device, tapped
from limbeck.nn.outlook import Outlook, outlook_of
from limbeck.nn.ports import Parts
from limbeck.nn.tokenizers import check_cut_by, lay_tokenizer, read_tokenizer
from limbeck.objectives.labels import Spec as Labels
from limbeck.objectives.text_relation import Spec as TextRelation
from limbeck.pretexts.masked_lm import Spec as MaskedLM
from limbeck.text.encode import Encoder
from limbeck.text.lexicon import open_lexicon
from limbeck.text.token_store import told_of

TOGETHER = True
"""Several processes train together."""
AnyPretext = Annotated[Weighted, on_shelf("pretexts")]
_WITH_PAIRS = "AutoModelForPreTraining"
_FRESH_RATE = 5e-4
"""Peak rate of what begins with random weights: ELECTRA-small's (arXiv:2003.10555, table 6)."""


class Spec(Tracked):
    """Pre-training. Fields of a phase given here, without `phases`, make a single phase."""

    model: str = "4x312"
    """What is trained: a shape, `4x312` or `layers=4,hidden=312,heads=12,intermediate=1200`, which begins with random
    weights; or a model to go on from, a directory, `hf:org/name[@revision]` or `minilm-l6`, whose tokenizer the corpus
    must have been cut by. Heads that it lacks begin with random weights."""
    family: str = "bert"
    """Of a shape: a backbone of the shelf."""
    config: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Of a shape: further fields of the family's config.json, as `{embedding_size: 128}`."""
    positions: int = Field(512, ge=16)
    """Of a shape: the longest input in tokens; BERT's is 512."""
    sinusoidal: bool = False
    """Of a shape: whether positions are sinusoids that are not trained (Vaswani et al. 2017, arXiv:1706.03762, 3.5)."""
    pretexts: tuple[AnyPretext, ...] = Field((MaskedLM(),), min_length=1)
    """What is asked: one pretext about words, and perhaps one about pairs of texts, each with its `weight`."""
    trained: Literal["all", "head"] = "all"
    """Which weights are trained. `head`: those alone by which a masked language model answers, for a model that lost
    them and shall stay as it is; one that has them is not trained at all."""
    phases: tuple[CorpusPhase, ...] = Field((CorpusPhase(),), min_length=1)
    """What is done in turn, each with its own length of texts and rate."""

    @property
    def longest(self) -> int:
        """Most tokens of a text, in whatever phase."""
        return max(phase.max_length for phase in self.phases)

    @model_validator(mode="before")
    @classmethod
    def _single_phase(cls, fields: Any) -> Any:
        return single_phase(fields, CorpusPhase)


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the files of a model that is gone on from."""
    return {} if is_shape(spec.model) else model_hashes(spec.model)


def foresee(spec: Spec, inputs: Mapping[str, Any]) -> Outlook | None:
    """Refuse what cannot be, before a corpus is read.

    Args:
        spec: What is wanted.
        inputs: What is known of the inputs; not looked at.

    Raises:
        RecipeError: Pretexts do not go together, there is no such network, it has no head for a pretext, or fewer
            positions than texts have tokens.
        BundleError: There is no such model.
    """
    words, pairs = _kinds(spec)
    if is_shape(spec.model):
        config = _shaped(spec)
        outlook = None
    else:
        source = resolve(spec.model)
        longest = max(range(len(spec.phases)), key=lambda number: spec.phases[number].max_length)
        check_length(source, spec.longest, f"pretrain.phases[{longest}].max_length")
        config, outlook = read_config(source), outlook_of(source, spec.longest)
    _check_heads(words, pairs, config.model_type, foreseen_parts(config, _head(spec), "pretrain.model"))
    return outlook


def _shaped(spec: Spec) -> Any:
    """The configuration of what begins with random weights."""
    if spec.family not in (families := shelf("backbones").names()):
        raise RecipeError(f"pretrain.family: no backbone {spec.family!r}; there are {', '.join(families)}")
    if spec.longest > spec.positions:
        raise RecipeError(
            f"pretrain.phases: texts of {spec.longest} tokens, but positions is {spec.positions}; raise positions, or "
            "lower max_length"
        )
    return shaped_config(spec.family, spec.model, place="pretrain.model", **spec.config)


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Train the network.

    Args:
        spec: How.
        inputs: `corpus`, made by `tokenize`.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: The model cannot be used; the corpus is damaged, or was cut by another tokenizer than its own.
        DataError: No document of the corpus is long enough, or none has two texts to ask about.
        RecipeError: What `foresee` refuses.
    """
    from limbeck.page.encoder_card import write_encoder_card

    corpus = inputs["corpus"]
    foresee(spec, inputs)
    if unused := _unused(spec):
        log.warn(f"pretrain.{', '.join(unused)}: of a shape alone; {spec.model} has its own, and these are not used")
    check_whole(corpus, log)
    seed_all(spec.seed)
    network, idle = _network(spec, corpus)
    model = tapped(network, per_word=True)
    model.network.to(best_device())
    with create_bundle(out, "pretrain", spec, inputs, outside(spec)) as draft:
        lay_tokenizer(corpus, draft.path)
        history: list[dict[str, Any]] = []
        if idle:
            log.say(f"{spec.model} has the heads that are wanted: it is not trained")
        else:
            history = _train(spec, corpus, model, log, out, draft.origin["step_hash"])
        save(model, draft.path)
        draft.facts |= {
            "name": spec.model,
            "pretexts": [pretext.kind for pretext in spec.pretexts],
            "max_length": spec.longest,
            "dims": model.size(),
            "corpus": told_of(corpus),
            "history": history,
            "warnings": log.warnings,
        }
        if processes.is_first():  # the only one whose model is written
            write_encoder_card(draft)
    return open_bundle(out)


def _unused(spec: Spec) -> list[str]:
    """Fields of a shape that were given beside a model."""
    if is_shape(spec.model):
        return []
    given = [name for name in ("family", "config", "positions", "sinusoidal") if getattr(spec, name) != _default(name)]
    own = str(read_config(resolve(spec.model)).model_type).replace("-", "_")
    return [name for name in given if name != "family" or spec.family != own]


def _default(name: str) -> Any:
    return Spec.model_fields[name].get_default(call_default_factory=True)


def _kinds(spec: Spec) -> tuple[Any, Any]:
    """The Specs of the pretext about words and of that about pairs, None where there is none.

    Raises:
        RecipeError: There is none about words, or two about the same.
    """
    about = {"words": [], "pairs": []}  # type: dict[str, list[Any]]
    for pretext in spec.pretexts:
        about[shelf("pretexts").load(pretext.kind).ABOUT].append(pretext)
    if len(about["words"]) != 1 or len(about["pairs"]) > 1:
        found = ", ".join(pretext.kind for pretext in spec.pretexts)
        raise RecipeError(
            f"pretrain.pretexts: give one about words (masked_lm or replaced_token), and at most one about pairs "
            f"(next_sentence or sentence_order); found {found}"
        )
    return about["words"][0], (about["pairs"] or [None])[0]


def _head(spec: Spec) -> str:
    words, pairs = _kinds(spec)
    return MASKED_LM if words.kind == "masked_lm" and pairs is None else _WITH_PAIRS


def _network(spec: Spec, corpus: Bundle) -> tuple[Any, bool]:
    """The network as it begins, and whether there is nothing to train."""
    head = _head(spec)
    if is_shape(spec.model):
        network = from_shape(
            spec.family,
            spec.model,
            corpus.path,
            head=head,
            positions=spec.positions,
            sinusoidal=spec.sinusoidal,
            place="pretrain.model",
            **spec.config,
        )
        new = tuple(name for name, _ in network.named_parameters())
    else:
        source = resolve(spec.model)
        remedy = f"cut it by that one: limbeck tokenize CORPUS --tokenizer {spec.model}"
        check_cut_by(corpus, read_tokenizer(source), f"{spec.model}'s", remedy)
        network, new = with_heads(source, head)
    if spec.trained == "head":
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in new)
    return network, spec.trained == "head" and not new


def _check_heads(words: Any, pairs: Any, family: str, parts: Parts) -> None:
    if words.kind == "masked_lm" and parts.vocabulary is None:
        raise RecipeError(f"pretrain.pretexts: {family} networks that answer for pairs have no head for masked words")
    if words.kind == "replaced_token" and parts.replaced is None:
        raise RecipeError(
            f"pretrain.pretexts: replaced_token needs a network with a head for it, as ELECTRA's, not {family}'s; "
            "set family to electra, or give masked_lm"
        )
    if pairs is not None and parts.relation is None:
        raise RecipeError(
            f"pretrain.pretexts: {pairs.kind} needs a network with a head for pairs of texts, which {family} has not; "
            "leave it out, or set family to bert or albert"
        )


def _train(spec: Spec, corpus: Bundle, model: Model, log: Journal, out: Path, key: str) -> list[dict[str, Any]]:
    words, pairs = _kinds(spec)
    lexicon = open_lexicon(corpus)
    build = shelf("pretexts").build
    questions = Questions(
        build(words, lexicon), build(pairs, lexicon) if pairs else None, drawn=words.kind == "replaced_token"
    )
    mixture = _mixture(words, pairs, model)
    shared: Run | None = None
    turn = 0
    history: list[dict[str, Any]] = []
    for number, given in enumerate(spec.phases, start=1):
        phase = _settled(spec, given)
        encoder = Encoder.read(corpus.file("tokenizer.json"), phase.max_length)
        rows, held = splits(corpus, encoder, questions, spec.seed)
        if pairs is not None:
            _check_pairs(pairs.kind, rows, held, log)
        exam = CorpusExam(mixture, held, None)
        shared = Run.open(spec, model, exam, log, out, key) if shared is None else replace(shared, exam=exam)
        passes = phase.steps * phase.batch_size / len(rows)
        lost = f", {100 * rows.left_out:.2g} % of which, its shortest texts, are left out" if rows.left_out else ""
        log.say(
            f"{model.dims}, {model.parameter_count() / 1e6:.1f} M parameters: {phase.steps} steps of "
            f"{phase.batch_size} texts of up to {phase.max_length} tokens, {passes:.2g} passes over the corpus{lost}"
        )
        course = Rounds(rows, phase.steps, phase.evaluate_every, phase.batch_size, spec.seed, turn)
        turn = course.turns
        history += train(mixture, course, None, phase, shared, f"pretrain {number} {phase.name}".rstrip())
    assert shared is not None
    shared.keep_best()
    return history


def _check_pairs(kind: str, rows: CorpusRows, held: CorpusRows, log: Journal) -> None:
    """Refuse a corpus that has no pair to ask about, and warn if what is held out has none."""
    why = "as there is but one document, documents are single sentences, or max_length has no room for two"
    if not rows.relates:
        raise DataError(f"{kind}: the corpus has no two texts to ask about, {why}; leave it out of pretrain.pretexts")
    if not held.relates:
        log.warn(f"{kind}: what is held out has no two texts to ask about, {why}, so that no pair_accuracy is told")


def _settled(spec: Spec, phase: CorpusPhase) -> CorpusPhase:
    """A phase with the rate of random weights, if these are what it trains and it has none of its own."""
    random = is_shape(spec.model) or spec.trained == "head"
    return phase.model_copy(update={"learning_rate": _FRESH_RATE}) if random and phase.learning_rate is None else phase


def _mixture(words: Any, pairs: Any, model: Model) -> Mixture:
    objectives: list[Weighted] = [Labels(weight=words.weight)]
    if pairs is not None:
        objectives.append(TextRelation(weight=pairs.weight))
    filling = None
    if words.kind == "replaced_token":
        if processes.sharded():
            raise RecipeError(
                "pretrain.pretexts: replaced_token trains two networks that share embeddings, which cannot lie in "
                "parts (FSDP); run it without ACCELERATE_USE_FSDP"
            )
        generator = generator_of(model, words.generator)
        filling = Filling(mix(generator, [Labels()], generator.dims))
    return mix(model, objectives, model.dims, filling=filling).to(best_device())
