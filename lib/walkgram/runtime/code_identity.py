"""Digest the code that a module can reach by imports, so that a table is stale only where code behind it has changed.

The digest covers the syntax trees of the module, of every module of its package that it imports, directly or not, and of
their parent packages. Comments, docstrings and formatting do not count. No module is imported to compute it.

An `import` counts wherever it stands, in a function too, and so does `importlib.import_module` of a literal name. A
module loaded by a computed name cannot be seen, so the rule is: a registry names each of its modules in a literal import,

    def load_skipgram() -> type[Model]:
        from walkgram.train.models.skipgram import SkipGram
        return SkipGram

and never `import_module(f"walkgram.train.models.{name}")`. Likewise a module imports a name from the module that defines
it, and not from the top-level package, which exports names for users lazily and whose imports are not followed.
"""

import ast
import hashlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.abc import InspectLoader, PathEntryFinder
from importlib.machinery import ModuleSpec
from typing import NamedTuple, cast

__all__ = ["digest_code", "list_reachable"]


class ImportedName(NamedTuple):
    """A dotted name in an import. It must be a module if `is_required`; else it may be an attribute of one."""

    name: str
    is_required: bool


class ModuleCode(NamedTuple):
    """The digest of one module's code, and the names that it imports from its package."""

    digest: str
    imports: tuple[ImportedName, ...]


def digest_code(module: str, path: str | None = None) -> str:
    """Return the SHA-256 (hex) of the code that a module can reach.

    `module` is a full dotted name, `path` the folder or zip archive that holds its top-level package (None: the import
    path). Raises `ModuleNotFoundError` for an import of a module that is not in the package, `ImportError` for a module
    without source, `ValueError` for `import_module` of a relative name.
    """
    digest = hashlib.sha256()
    for name, code in sorted(_trace_imports(module, path).items()):
        digest.update(f"{name} {code.digest}\n".encode())
    return digest.hexdigest()


def list_reachable(module: str, path: str | None = None) -> tuple[str, ...]:
    """Return the sorted names of the modules that `digest_code` covers; parameters and errors are the same."""
    return tuple(sorted(_trace_imports(module, path)))


def _trace_imports(module: str, path: str | None) -> dict[str, ModuleCode]:
    """Return the code of the module and of all that it reaches: the transitive closure over imports and parent packages."""
    reached: dict[str, ModuleCode] = {}
    pending = [(module, "")]
    while pending:
        name, importer = pending.pop()
        if name in reached:
            continue
        if _find_module(name, path) is None:
            raise ModuleNotFoundError(_describe_missing(name, importer), name=name)
        code = reached[name] = _read_module(name, path)
        parent = name.rpartition(".")[0]
        if not parent:
            continue  # the top-level package exports the API: its imports reach every module
        pending.append((parent, name))
        pending.extend((i.name, name) for i in code.imports if i.is_required or _find_module(i.name, path) is not None)
    return reached


def _describe_missing(name: str, importer: str) -> str:
    """Return the message for a module that is not in its package."""
    if not importer:
        return f"{name}: no such module: check its name and the installation"
    return f"{name}: no such module, but {importer} imports it: import a name from the module that defines it"


@cache
def _find_module(name: str, path: str | None) -> ModuleSpec | None:
    """Return the spec of a module, None where there is none. Unlike `importlib.util.find_spec`, import no parent."""
    parent = name.rpartition(".")[0]
    if parent:
        package = _find_module(parent, path)
        folders = (package.submodule_search_locations if package else None) or []
    elif path is None:
        return importlib.util.find_spec(name)
    else:
        folders = [path]
    for folder in folders:
        finder = cast(PathEntryFinder | None, pkgutil.get_importer(folder))
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:  # a folder without __init__.py has no loader
            return spec
    return None


@cache
def _read_module(name: str, path: str | None) -> ModuleCode:
    """Return the digest and the imports of a module's source. Raises `ImportError` where the source is not installed."""
    spec = _find_module(name, path)
    source = cast(InspectLoader, spec.loader).get_source(name) if spec else None
    if spec is None or source is None:
        raise ImportError(f"{name}: its source is not installed: install the .py files of the package", name=name)
    reader = _CodeReader(name, is_package=spec.submodule_search_locations is not None)
    reader.read(ast.parse(source, filename=spec.origin or name))
    digest = hashlib.sha256("".join(reader.text).encode()).hexdigest()
    return ModuleCode(digest, tuple(dict.fromkeys(reader.imports)))


class _CodeReader:
    """Write a syntax tree as text and collect the imports in it, in one pass.

    The text is that of `ast.dump` without what has no effect: docstrings and other constant statements, `pass`, and the
    body of `if TYPE_CHECKING`. Empty fields are omitted too, because new versions of Python add fields to the tree.
    """

    def __init__(self, module: str, is_package: bool) -> None:
        self.root = module.partition(".")[0]
        self.package = module if is_package else module.rpartition(".")[0]
        self.text: list[str] = []
        self.imports: list[ImportedName] = []

    def read(self, node: ast.AST) -> None:
        """Append the text of a node, and of its children, to `text`, and its imports to `imports`."""
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return
        if isinstance(node, ast.If) and (branch := _select_branch(node)) is not None:
            for statement in branch:
                self.read(statement)
            return
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
            self.imports.extend(i for i in self.list_imports(node) if i.name.partition(".")[0] == self.root)
        self.text.append(f"{type(node).__name__}(")
        for field in node._fields:
            value = getattr(node, field, None)
            if value is None or value == [] or field in ("ctx", "kind"):  # Load or Store; the prefix u of a string
                continue
            self.text.append(f"{field}=")
            if isinstance(value, list):
                self.write_list(value)
            elif isinstance(value, ast.AST):
                self.read(value)
            else:
                self.text.append(f"{value!a},")  # !r depends on the version of Unicode
        self.text.append(")")

    def write_list(self, values: Iterable[object]) -> None:
        """Append the text of a field that holds a list."""
        self.text.append("[")
        for value in values:
            if isinstance(value, ast.AST):
                self.read(value)
            else:
                self.text.append(f"{value!a},")
        self.text.append("]")

    def list_imports(self, node: ast.Import | ast.ImportFrom | ast.Call) -> Iterator[ImportedName]:
        """Yield the full names that a statement or a call of `import_module` imports."""
        if isinstance(node, ast.Import):
            yield from (ImportedName(alias.name, True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = importlib.util.resolve_name("." * node.level + module, self.package)
            yield ImportedName(module, True)
            for alias in node.names:
                # The top-level package exports names lazily: which module such a name comes from cannot be seen.
                is_required = module == self.root and not alias.name.startswith("__")
                yield ImportedName(f"{module}.{alias.name}", is_required)
        elif _called_name(node) in ("import_module", "__import__"):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    if argument.value.startswith("."):
                        raise ValueError(f"{self.package}: import_module({argument.value!r}): give the module's full name")
                    yield ImportedName(argument.value, True)


def _called_name(call: ast.Call) -> str | None:
    """Return the last part of the name of the function that a call names."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)


def _select_branch(node: ast.If) -> list[ast.stmt] | None:
    """Return the branch that runs of an `if TYPE_CHECKING` or `if not TYPE_CHECKING`, None for another condition."""
    test, is_negated = node.test, False
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, is_negated = test.operand, True
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    if name != "TYPE_CHECKING":
        return None
    return node.body if is_negated else node.orelse
