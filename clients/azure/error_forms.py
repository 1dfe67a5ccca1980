"""Finds code and message in an error answer of Azure, in whatever form the service wrote it.

Forms: `error` of Resource Manager and Key Vault with `details` and `innererror`, `odata.error`,
`error` and `error_description` of OAuth, problem documents with their `errors` by field, the
identity endpoint's `message`, XML of storage, plain text, and HTML of a gateway or proxy. Keys are
found in any case. A text that is itself JSON is read on. An answer in a form of its own is quoted.
"""

import json
import re
from html import escape, unescape
from typing import Any, NamedTuple, cast

# An answer is read up to here, and to this depth.
CHARACTERS = 64 * 1024
DEPTH = 12
# Texts without a form of their own are cut here: they may quote what was sent.
PLAIN_CHARACTERS = 300

_WRAPPERS = ("error", "odata.error", "errors", "statusmessage")
_CODES = ("code", "errorcode", "error_code", "exceptiontype")
# The first that is there. Where ASP.NET's exceptionmessage is, message only says that one occurred.
_MESSAGES = (
    "exceptionmessage",
    "message",
    "error_description",
    "errormessage",
    "errordetail",
    "detail",
    "description",
    "title",
    "error",
)
_CODE = re.compile(r"[\w.:-]+")
_INNER = ("innererror", "internalexception")
_XML = re.compile(r"<(?:\?xml|[a-z_])", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_NO_TEXT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_HEADINGS = ("title", "h1", "h2", "h3")
_CHALLENGE = re.compile(r'\b(error|error_description)="([^"]*)"')


class RootCause(NamedTuple):
    """`code` may be empty. `inner` is the code of an `innererror` that has no message of its
    own."""

    code: str
    message: str
    inner: str = ""


def read_answer(text: str, header_code: str = "", challenge: str = "") -> Any:
    """Returns the answer as a document that `root_causes` understands.

    Args:
        text: the body.
        header_code: `x-ms-error-code`, which storage sends also without a body.
        challenge: `WWW-Authenticate`, in which OAuth names the error.
    """
    text = text[:CHARACTERS].lstrip("\ufeff").strip()
    found: Any = _document_of(text)
    named = dict(_CHALLENGE.findall(challenge))
    if named and not _causes(found, 0):
        found = named
    causes = _causes(found, 0)
    if header_code and not any(cause.code for cause in causes):
        message = next((cause.message for cause in causes if cause.message), header_code)
        found = {"code": header_code, "message": message}
    elif not causes and re.search(r"\w", text):
        found = {"message": text[:PLAIN_CHARACTERS]}
    return found


def root_causes(document: Any) -> list[RootCause]:
    """Returns every root cause of an error document, in order and without repeats."""
    return list(dict.fromkeys(_causes(document, 0)))


def outer_code(document: Any) -> str:
    """Returns the code of the document itself, above its details."""
    for _ in range(DEPTH):
        if not isinstance(document, dict):
            return ""
        item = _folded(cast(dict[str, Any], document))
        if code := _own_code(cast(dict[str, Any], document)):
            return code
        document = next((item[key] for key in _WRAPPERS if isinstance(item.get(key), dict)), None)
    return ""


def _document_of(text: str) -> Any:
    if not text:
        return None
    parsed = _json(text)
    if parsed is not None:
        return parsed
    if _HTML.search(text[:2000]):
        return {"message": _of_html(text)}
    if _XML.match(text):
        return _of_xml(text)
    return {"message": text[:PLAIN_CHARACTERS]}


def _json(text: str) -> Any:
    """Returns the object, list or text that the text is as JSON; None if it is none of them."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _of_xml(text: str) -> dict[str, str]:
    """Read by patterns: an XML parser would follow entities."""
    text = _CDATA.sub(lambda found: escape(found[1]), text)
    code, message = _element(text, "code"), _element(text, "message")
    detail = _element(text, "authenticationerrordetail")
    told = " ".join(filter(None, (message, detail)))
    plain = " ".join(unescape(_TAG.sub(" ", text)).split())[:PLAIN_CHARACTERS]
    return {"code": code, "message": told or code or plain}


def _element(text: str, name: str) -> str:
    opening = re.search(rf"<(?:\w+:)?{name}\b[^<>]*>", text, re.IGNORECASE)
    if opening is None:
        return ""
    inside = text[opening.end() :]
    closing = re.search(rf"</(?:\w+:)?{name}\s*>", inside, re.IGNORECASE)
    inside = inside[: closing.start()] if closing else inside[:PLAIN_CHARACTERS]
    return " ".join(unescape(_TAG.sub(" ", inside)).split())


def _of_html(text: str) -> str:
    page = _NO_TEXT.sub(" ", text)
    told = list(dict.fromkeys(filter(None, (_element(page, name) for name in _HEADINGS))))
    shown = ": ".join(told) or " ".join(unescape(_TAG.sub(" ", page)).split())
    return shown[:PLAIN_CHARACTERS]


def _causes(node: Any, depth: int) -> list[RootCause]:
    if depth > DEPTH:
        return []
    if isinstance(node, list):
        items = cast(list[Any], node)
        return [cause for item in items for cause in _causes(item, depth + 1)]
    if isinstance(node, str):
        nested = _json(node)
        own = [RootCause("", node)] if node.strip() else []
        return own if nested is None else _causes(nested, depth + 1) or own
    if not isinstance(node, dict):
        return []
    item = cast(dict[str, Any], node)
    return _wrapped(item, depth) or _own(item, depth)


def _wrapped(item: dict[str, Any], depth: int) -> list[RootCause]:
    """Returns the causes in an object or list that holds the error. OAuth's `error` is a code."""
    if depth > DEPTH:
        return []
    folded = _folded(item)
    for key in _WRAPPERS:
        held: Any = folded.get(key)
        if isinstance(held, str) and key != "statusmessage":
            held = _json(held)
        if held and (found := _causes(held, depth + 1)):
            return found
    properties: Any = folded.get("properties")
    if isinstance(properties, dict) and not _own_code(item):
        return _wrapped(cast(dict[str, Any], properties), depth + 1)
    return []


def _own(item: dict[str, Any], depth: int) -> list[RootCause]:
    folded = _folded(item)
    code, text = _own_code(item), _own_message(folded)
    found: list[RootCause] = []
    if isinstance(folded.get("details"), list | dict):
        found = _causes(folded["details"], depth + 1)
    if not found and isinstance(folded.get("errors"), dict):
        found = _by_field(cast(dict[str, Any], folded["errors"]))
    if not found and (nested := _json(text)) is not None:
        found = _causes(nested, depth + 1)
    if found:
        return [cause._replace(code=cause.code or code) for cause in found]
    target = folded.get("target")
    place = target.rpartition("/")[2] if isinstance(target, str) else ""
    told = f"{place}: {text}" if place and text else text
    return _with_inner(RootCause(code, told), folded, depth)


def _by_field(errors: dict[str, Any]) -> list[RootCause]:
    """Returns the reasons of a problem document that lists them by field."""
    found: list[RootCause] = []
    for key, held in errors.items():
        texts = cast(list[Any], held if isinstance(held, list) else [held])
        told = [text for text in texts if isinstance(text, str) and text.strip()]
        found += [RootCause("", f"{key}: {text}" if key else text) for text in told]
    return found


def _with_inner(own: RootCause, folded: dict[str, Any], depth: int) -> list[RootCause]:
    """An `innererror` with a message has the reason. One with only a code says which kind the own
    error is."""
    inner = next((folded[key] for key in _INNER if isinstance(folded.get(key), dict)), None)
    within = _causes(inner, depth + 1) if inner else []
    if not within:
        return [own] if own.code or own.message else []
    if not any(cause.message for cause in within):
        kind = within[0].inner or within[0].code
        told = own.message
        if told and kind not in told:
            told = f"{told} ({kind})"
        return [RootCause(own.code or kind, told, kind)]
    return [
        RootCause(cause.code or own.code, _joined(own.message, cause.message), cause.inner)
        for cause in within
    ]


def _joined(outer: str, inner: str) -> str:
    if not outer or outer in inner:
        return inner
    return outer if not inner or inner in outer else f"{outer} {inner}"


def _folded(item: dict[str, Any]) -> dict[str, Any]:
    return {str(key).casefold(): value for key, value in item.items()}


def _own_code(item: dict[str, Any]) -> str:
    folded = _folded(item)
    for key in (*_CODES, "error"):
        value: Any = folded.get(key)
        # A number is the status, which the answer has already.
        if isinstance(value, str) and value.strip() and not value.strip().isdecimal():
            text = value.strip()
            # OAuth's `error` is a code. Other services have a sentence there, or JSON.
            return "" if key == "error" and not _CODE.fullmatch(text) else text
    return ""


def _own_message(folded: dict[str, Any]) -> str:
    """OData's message is an object with a `value`."""
    for key in _MESSAGES:
        value: Any = folded.get(key)
        if isinstance(value, dict):
            value = _folded(cast(dict[str, Any], value)).get("value")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""
