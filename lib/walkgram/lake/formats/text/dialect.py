"""The dialect of a text table: what separates its fields, which fields are quoted, whether the first line is a header."""

from typing import NamedTuple

from walkgram.config.source import Input
from walkgram.lake.formats.base import SourceFiles, file_suffix

__all__ = ["Dialect", "resolve_dialect"]


class Dialect(NamedTuple):
    """How the text of a table is read; travels to the tasks.

    quote and escape are "" where there are none. With `multiline`, a quoted field may contain line ends; with
    `trusts_quotes`, it does so even where each of its lines could be a row; with `trusts_header`, the header may consist of
    numbers. `keys` is the section whose keys messages name.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "UTF-8"
    has_header: bool = True
    trusts_header: bool = False
    multiline: bool = True
    trusts_quotes: bool = False
    column_names: tuple[str, ...] = ()
    keys: str = "input"


def resolve_dialect(files: SourceFiles, config: Input) -> Dialect:
    """Return the dialect that the keys ask for.

    Files that all end in .tsv are split at tabs under the default delimiter, and their quotes are plain text unless
    input.quote or input.escape is set.
    """
    is_tsv = all(file_suffix(info.base_name) == ".tsv" for info in files.infos)
    has_quote_key = bool({"quote", "escape"} & config.model_fields_set)
    return Dialect(
        delimiter="\t" if is_tsv and config.delimiter == "," else config.delimiter,
        quote="" if is_tsv and not has_quote_key else config.quote,
        escape="" if config.escape == config.quote else config.escape,
        encoding=config.encoding,
        has_header=config.header,
        trusts_header=config.header and "header" in config.model_fields_set,
        multiline=config.multiline,
        trusts_quotes=config.multiline and "multiline" in config.model_fields_set,
        column_names=tuple(config.column_names),
        keys=files.keys,
    )
