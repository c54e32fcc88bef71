"""Secrets in plain text, detected by the name or by the form of a value."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

# The last words of a name decide: DB_PASSWORD is a secret, PASSWORD_FILE and TOKEN_URL only point to one.
_NAME = re.compile(
    r"(?:(?:^|_)(?:PASSWORD|PASSWD|PASS|PASSPHRASE|PASSCODE|SECRETS?|TOKEN|BEARER|CREDENTIALS?"
    r"|(?:API|ACCESS|ACCOUNT|PRIVATE|SECRET|SIGNING|ENCRYPTION|MASTER|AUTH)_?KEY(?:_ID)?)|_PWD)_?[0-9]*$"
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
# Secrets under any name: access keys, tokens of well-known services, private keys, headers, and URLs and DSNs with a
# password that is not a placeholder such as ${PASSWORD}.
_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|[sr]k_live_)\w{10,}"
    r"|\beyJ[\w-]+\.eyJ[\w-]+\."
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:Bearer|Basic) [\w.~+/=-]{8,}"
    r"|://[^/\s:@]*:[^/\s@$<{%][^/\s@]*@"
    r"|(?:^|\s)[\w.-]+:[^\s@$<{%][^\s@]*@(?:tcp|udp|unix)?\("
)
# NAME=VALUE inside a connection string or a command.
_PAIR = re.compile(r"(?:^|[\s;&?,\"'|(])-{0,2}([A-Za-z][\w.-]*(?: [A-Za-z]+)?)\s*=\s*[\"']?([^\s;&,\"')|]+)")
# The place of a secret, a switch, or a placeholder. A path that is in no file system by convention, such as /prod/db,
# is not here, since a password may begin with a slash, too; a variable such as DB_PASSWORD_NAME may hold such a path.
_NOT_SECRET_VALUE = re.compile(
    r"|arn:[\w-]+:[\w-]+:.*|true|false|yes|no|on|off|none|[$<{%].*"
    r"|/(?:app|certs?|config|data|dev|etc|home|keys?|mnt|opt|proc|root|run|secrets?|srv|ssl|tmp|usr|var)/[\w./@-]+",
    re.IGNORECASE | re.DOTALL,
)


def is_secret(name: str, value: str) -> bool:
    return _is_named_secret(name, value) or bool(_VALUE.search(value)) or any(_pairs(value))


def secrets_of_command(words: Sequence[str]) -> Iterator[str]:
    """The name of each secret in a command: its option or key, or a general term."""
    # A word may be a shell's line, so it is split; `--password` may have its value in the next word.
    flat = [part.strip("\"'") for word in words for part in word.split()]
    for word in words:
        if _VALUE.search(word):
            yield "a key, token or password"
        yield from _pairs(word)
    for option, value in pairwise(flat):
        if (
            option.startswith("-")
            and "=" not in option
            and not value.startswith("-")
            and _is_named_secret(option, value)
        ):
            yield option


def _pairs(text: str) -> Iterator[str]:
    yield from (name for name, value in _PAIR.findall(text) if _is_named_secret(name, value))


def _is_named_secret(name: str, value: str) -> bool:
    return not _NOT_SECRET_VALUE.fullmatch(value) and bool(_NAME.search("_".join(_WORDS.split(name)).upper()))
