"""The version of the code that a manifest records."""

from walkgram.lake.code_version import code_version


def test_the_code_version_is_stable_and_depends_on_further_text() -> None:
    assert code_version() == code_version()
    assert code_version().startswith("0.")
    assert code_version("x") != code_version()
