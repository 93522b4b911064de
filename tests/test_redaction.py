"""Secrets in text, as they are written in URIs."""

import pytest

from walkgram.errors import LakeError
from walkgram.redaction import redact, redact_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://AKIA:se/cr+et==@b/x", "s3://***@b/x"),
        ("s3://AKIA:123/4@b", "s3://***@b"),
        ("s3://AKIA@b", "s3://***@b"),
        ("http://u:p@h:80/a?sig=S&download=1", "http://***@h:80/a?sig=***&download=1"),
        ("http://u:p?w@h/x", "http://***@h/x"),
        ("http://h/a.zip?SECRET", "http://h/a.zip?***"),
        ("with url: /a.zip?X-Amz-Signature=S&x=1 (Caused by", "with url: /a.zip?X-Amz-Signature=***&x=*** (Caused by"),
        ("('http://a:b@c', 's3://q:r@z')", "('http://***@c', 's3://***@z')"),
        ("abfs://c:pw@account/x", "abfs://***@account/x"),
        ("abfs://c@account/x", "abfs://c@account/x"),
        ("hdfs://user@host:8020/x", "hdfs://user@host:8020/x"),
        ("gs://anonymous@b", "gs://anonymous@b"),
        ("http://[::1]:80/x, tcp://h:1234: a@b", "http://[::1]:80/x, tcp://h:1234: a@b"),
        ("did you mean walks.p? input.columns.user_id=a", "did you mean walks.p? input.columns.user_id=a"),
    ],
)
def test_secrets_are_hidden_and_all_else_stays(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


def test_values_and_keys_of_a_tree_are_redacted() -> None:
    tree = {"http://u:p@h": [{"a": "s3://k@b"}, 3, None]}
    assert redact_values(tree) == {"http://***@h": [{"a": "s3://***@b"}, 3, None]}


def test_an_error_never_holds_a_secret() -> None:
    assert str(LakeError("s3://k:s@b: gone")) == "s3://***@b: gone"
