"""Makes texts of services presentable: one short line without anything that looks like a secret."""

import re
from collections.abc import Iterable

MESSAGE_CHARACTERS = 600
LEFT_OUT = "[left out]"
# Base64, base32 and hexadecimal are unbroken runs. So are paths and CamelCase words, which are told
# from them by their words.
LONG = 48
_RUN = re.compile(rf"[A-Za-z0-9+/_]{{{LONG},}}={{0,2}}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)
# Credentials by their form, however short. Of the second kind, the first group stays.
_TOKENS = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
    # A key of 32 bytes.
    r"|(?<![\w+/-])[\w+/-]{43}=(?![\w=])",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(\bBearer )[\w.~+/-]{16,}=*"
    r"|(\bAuthorization[\"']?\s*[:=]\s*[\"']?(?:Basic|Bearer)\s+)(?!\[left out\])[^\s\"',;]+"
    r"|([?&]sig=)(?!\[left out\])[^&\s\"']+"
    r"|(\b(?:AccountKey|SharedAccessKey)=)(?!\[left out\])[^;\s\"']+"
    r"|(\bhooks\.[\w.-]+/services/)[\w/-]+"
    # The user and the password of an address.
    r"|(://)(?:[^\s/@:]*:[^\s/]*|[^\s/@:]{16,})(?=@)"
    r"|((?:client_?secret|client_assertion|(?:access|refresh)_token|api_?key|password|passwd|\bpwd)"
    r"(?:\s*=\s*[\"']?|\\?[\"']\s*:\s*\\?[\"']))(?!\[left out\])"
    # In quotes, which a JSON in a JSON escapes, a value may have any character.
    r"(?:(?<=\\\")[^\"\\]+|(?<=\")(?:\\.|[^\"\\])+|(?<=')[^']+|[^&;,\s\"']+)",
    re.IGNORECASE,
)
# kubeadm's token. Names of hosts and modules may have its form, and consist of words.
_JOIN = re.compile(r"(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w-]|\.\w)")
# Digests are public, and the reader compares them.
_DIGEST = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_BEFORE_DIGESTS = ("sha256:", "sha-256 ", "expected ")
# Ids of resources: of these, only a part that looks encoded is left out.
_IDS = ("resourcegroups/", "providers/")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DIGITS_INSIDE = re.compile(r"[0-9]+(?=[A-Za-z])")
# Words have vowels, and few capitals in a row.
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-xz]{6}", re.IGNORECASE)
_CAPITALS = 20
# By the words of Azure's codes and messages: some 40 % vowels, 4 letters and more a word.
_SHORTEST_AVERAGE, _FEWEST_VOWELS = 3.5, 0.28
_VOWELS = frozenset("aeiouyAEIOUY")


def visible(text: str) -> str:
    """Returns the text with a blank for each character that is not shown as itself: control
    characters (ESC and C1 begin commands to a terminal), marks that turn the direction of text, and
    separators. Line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def counted(number: int, noun: str) -> str:
    """Returns a number and its noun, such as `1 machine` and `2 machines`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def presentable(text: str) -> str:
    """Returns the text on one line, cut, without anything that looks like an encoded secret."""
    line = " ".join(visible(text[: 4 * MESSAGE_CHARACTERS]).split())
    return without_secrets(line)[:MESSAGE_CHARACTERS]


def without_secrets(text: str) -> str:
    """Returns the text, of any length, without anything that looks like an encoded secret."""
    line = _TOKENS.sub(LEFT_OUT, _PEM.sub(LEFT_OUT, text))
    line = _NAMED.sub(lambda found: f"{found[found.lastindex or 0]}{LEFT_OUT}", line)
    line = _JOIN.sub(_unless_words, line)
    return _RUN.sub(_shown, line)


def _unless_words(found: re.Match[str]) -> str:
    digits = any(character.isdecimal() for character in found[0])
    return LEFT_OUT if digits or not _is_words(found[0]) else found[0]


def _shown(found: re.Match[str]) -> str:
    text = found[0]
    before = found.string[: found.start()].lower()
    if _DIGEST.fullmatch(text) and before.endswith(_BEFORE_DIGESTS):
        return text
    if any(word in text.lower() for word in _IDS):
        parts = text.split("/")
        return "/".join(part if len(part) < LONG or _is_words(part) else LEFT_OUT for part in parts)
    return text if _is_words(text) else LEFT_OUT


def _is_words(text: str) -> bool:
    """Whether the text consists of words. Words of encoded data are short, without vowels, or
    broken by digits."""
    words: list[str] = _WORD.findall(text)
    if not words or "+" in text or "=" in text:
        return False
    return (
        _average(map(len, words)) >= _SHORTEST_AVERAGE
        and _average(letter in _VOWELS for word in words for letter in word) >= _FEWEST_VOWELS
        and len(_DIGITS_INSIDE.findall(text)) * 3 <= len(words)
        and not any(len(word) > _CAPITALS and word.isupper() for word in words)
        and not any(_CONSONANTS.search(word) for word in words)
    )


def _average(numbers: Iterable[int]) -> float:
    found = list(numbers)
    return sum(found) / len(found)
