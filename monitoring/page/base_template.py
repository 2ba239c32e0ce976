"""Finds out whether the admin's pages, as the project's templates are, show unread alerts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from django.template import Context, Node, Template, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader_tags import BlockNode, ExtendsNode

_Node = TypeVar("_Node", bound=Node)

_NAME = "admin/base.html"
_OURS = Path(__file__).resolve().parents[1] / "templates" / _NAME
_OF_PAGES = "admin/base_site.html"  # what most pages extend, and what itself extends the base
_TAG = "unread_alerts"
_SHOWN_IN = {"userlinks", "messages"}  # the blocks in which our template shows them


def alerts_are_hidden_by() -> str:
    """The template that keeps unread alerts from the admin's pages; empty if none does.

    Empty also if that cannot be told, as when a template extends one that a variable names.
    """
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            try:
                return _hidden_by(list(_line(engine.engine.get_template(_OF_PAGES))))
            except TemplateDoesNotExist:
                continue  # this engine is not the admin's
            except TemplateSyntaxError:
                return ""
    return ""


def _hidden_by(line: list[Template]) -> str:
    files = [Path(str(template.origin)).resolve() for template in line]
    theirs = [template for file, template in zip(files, line, strict=True) if file != _OURS]
    if any(_TAG in template.source for template in theirs):
        return ""
    if _OURS not in files:
        in_its_place = (file for file in files if file.match(_NAME))
        return str(next(in_its_place, files[-1]))
    above = line[files.index(_OURS) + 1 :]
    blocks = {node.name for template in above for node in _nodes(template, BlockNode)}
    return "" if blocks & _SHOWN_IN else str(files[-1])


def _line(template: Template) -> Iterator[Template]:
    """The template, the one that it extends, and so on; as Django finds them for a page."""
    context = Context()
    context.template = template
    context.render_context[ExtendsNode.context_key] = [template.origin]
    while True:
        yield template
        extends = next(iter(_nodes(template, ExtendsNode)), None)
        if extends is None:
            return
        template = extends.get_parent(context)


def _nodes(template: Template, kind: type[_Node]) -> list[_Node]:
    return [node for node in template.nodelist.get_nodes_by_type(kind) if isinstance(node, kind)]
