"""Configuration: defaults, overrides, and errors that name the key."""

from pathlib import Path

import pytest

from support.keys import list_keys
from walkgram.config import load as config
from walkgram.config.schema import Config
from walkgram.errors import ConfigError
from walkgram.lake.sources import sample

CONF = Path(__file__).parent.parent / "conf"


def test_the_embedded_default_is_the_sample_file() -> None:
    assert config.load_config(str(CONF / "sample.toml")) == config.load_config(None, base=sample.SAMPLE_CONFIG)


@pytest.mark.parametrize("file", sorted(CONF.glob("*.toml")), ids=lambda f: f.name)
def test_every_shipped_configuration_is_valid(file: Path) -> None:
    assert isinstance(config.load_config(str(file)), Config)


@pytest.mark.parametrize(
    "override, path, value",
    [
        ("walks.p=.25", ("walks", "p"), 0.25),
        ("walks.walk_length=12", ("walks", "walk_length"), 12),
        ("pairs.write_table=true", ("pairs", "write_table"), True),
        ("interactions.min_rating=5", ("interactions", "min_rating"), 5.0),
        ("interactions.min_rating=none", ("interactions", "min_rating"), None),
        ("input.path=/data/2024", ("input", "path"), "/data/2024"),
        ("input.path=2024", ("input", "path"), "2024"),
        ("input.columns.user_id=a=b", ("input", "columns", "user_id"), "a=b"),
        ('report.titles=["A, The (1999)"]', ("report", "titles"), ["A, The (1999)"]),
        ("train.keras_node2vec.exclude_positives=TRUE", ("train", "keras_node2vec", "exclude_positives"), True),
    ],
)
def test_an_override_is_read_as_the_type_of_its_key(override: str, path: tuple[str, ...], value: object) -> None:
    found: object = config.load_config(None, [override])
    for name in path:
        found = getattr(found, name)
    assert found == value


@pytest.mark.parametrize(
    "override, named",
    [
        ("walks.p=0", "walks.p"),
        ("walks.q=-1", "walks.q"),
        ("walks.p=nan", "walks.p"),
        ("walks.walk_length=1", "walks.walk_length"),
        ("walks.walk_length=ten", "walks.walk_length"),
        ("walks.walk_length=2.5", "walks.walk_length"),
        ("train.dim=0", "train.dim"),
        ("pairs.write_table=maybe", "pairs.write_table"),
        ("pmi.weight=tfidf", "pmi.weight"),
        ("walks.lenght=3", "walks.lenght"),
        ("nonsense.key=3", "nonsense"),
        ("walks=3", "walks=3"),
        ("walks.p.x=3", "walks.p"),
        ("lake.path=", "lake.path"),
    ],
)
def test_a_bad_override_is_an_error_that_names_its_path(override: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        config.load_config(None, [override])


def test_an_unknown_key_suggests_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"walks\.walk_lenght: unknown key; did you mean walks\.walk_length\?"):
        config.load_config(None, ["walks.walk_lenght=3"])


@pytest.mark.parametrize(
    "text, said",
    [
        ("[walks]\nwalk_length = '10'\n", r"walks\.walk_length"),
        ("[walks]\nnum_walks = true\n", r"walks\.num_walks"),
        ("[walks\n", "not TOML"),
        ("walks = 3\n", "walks"),
        ("[train.skipgram]\nnegatives = 3\n", r"train\.skipgram\.negatives: unknown key"),
    ],
)
def test_a_bad_file_is_an_error_with_file_and_path(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"bad\.toml: .*{said}|bad\.toml: {said}"):
        config.load_config(str(file))


def test_a_fault_is_named_by_the_file_or_by_the_override_that_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[walks]\nwalk_length = 1\n[train]\nworkers = 2\n")

    def explain(*overrides: str) -> str:
        with pytest.raises(ConfigError) as error:
            config.load_config(str(file), overrides)
        return str(error.value)

    assert explain("walks.walk_length=9").startswith(f"{file}: train.workers = 2 needs train.deterministic = false")
    assert explain("walks.walk_length=0", "train.workers=1").startswith("--set: walks.walk_length: ")
    assert explain("neighbours.metrics=x", "train.workers=1") == (
        f"{file}: walks.walk_length: must be at least 2 (given: 1); "
        "--set: neighbours.metrics: unknown key; did you mean neighbours.metric?"
    )
    assert explain("walks.walk_length=9", "train.workers=3").startswith("--set: train.workers = 3 needs")
    assert explain("walks.walk_length=9", "train.workers=1", "nonsense.key=3").startswith("--set: nonsense: unknown key")
    assert explain("walks.walk_length=9", "train.workers=1", "input.columns.x=3").startswith(
        "--set: input.columns.x: unknown key"
    )


def test_a_missing_file_says_so() -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        config.load_config("nowhere.toml")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        config.load_config(None, ["walks.p=0", "train.dim=0"])
    assert "walks.p: " in str(error.value)
    assert "train.dim: " in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_help_lists_every_key_with_meaning_and_default() -> None:
    text = config.describe_keys(["walks", "train"])
    assert "walks.p  (float; default 1.0)" in text
    assert "walks.walk_length  (int; default 80; nodes)" in text
    keys = list_keys(["walks", "train"])
    assert "train.skipgram.ns_exponent" in keys
    assert [key for key in keys if f"  {key}  (" not in text] == []
    assert text.count("default") >= len(keys) >= 20


def test_one_run_does_not_change_the_configuration_of_the_next() -> None:
    before = config.load_config(None, base=sample.SAMPLE_CONFIG)
    config.load_config(None, ['input.item_columns.lists=["x"]'], sample.SAMPLE_CONFIG)
    assert config.load_config(None, base=sample.SAMPLE_CONFIG) == before


def test_names_in_paths_are_filled_from_the_section_vars(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[vars]\nmarket = "de"\nday = 7\n[lake]\npath = "out/{market}/{day}"\n[merge]\nupserts = "in/{market}"\n')
    filled = config.load_config(str(file), ["vars.market=fr", "input.path=in/{market}.csv"])
    assert (filled.lake.path, filled.merge.upserts, filled.input.path) == ("out/fr/7", "in/fr", "in/fr.csv")
    assert config.load_config(None, ["input.columns.user_id={id}"]).input.columns.user_id == "{id}"  # no path


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["lake.path=out/{market}"], r"lake\.path = out/\{market\}: \{market\} has no value: --set vars\.market=VALUE"),
        (["vars.market.x=1", "lake.path=out/{market}"], r"vars\.market = .*: it must be text or a whole number"),
    ],
)
def test_a_name_without_a_value_is_an_error(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load_config(None, overrides)


@pytest.mark.parametrize(
    "override, message",
    [
        ("walks.p=0", "--set: walks.p: must be at least 1e-100 (given: 0.0)"),
        ("train.dim=0", "--set: train.dim: must be at least 1 (given: 0)"),
        ("pmi.shift=0", "--set: pmi.shift: must be above 0 (given: 0.0)"),
        ("pmi.smoothing=2", "--set: pmi.smoothing: must be at most 1 (given: 2.0)"),
        (f"walks.seed={2**63}", f"--set: walks.seed: must be below {2**63} (given: {2**63})"),
    ],
)
def test_a_limit_is_printed_as_a_person_writes_it(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        config.load_config(None, [override])
    assert str(error.value) == message
