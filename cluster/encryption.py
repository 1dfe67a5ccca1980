"""The keys that API servers encrypt Secrets in etcd with, as the vault holds them.

The API server encrypts with the first key and reads with each of them. A retired key is kept in the
vault only: backups that were taken before its retirement need it.
"""

import json

from pydantic import Field

from cluster.model import KeptContract

# The name of the key of a cluster whose key was never rotated. The vault then has its secret alone.
FIRST = "slipway"
CONFIGURATION = """apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox:
          keys: [{keys}]
      - identity: {{}}
"""


class EncryptionKey(KeptContract):
    """A key of `secretbox`. `secret`: 32 bytes in base64. `until`: when it was retired, in UTC."""

    name: str
    secret: str = Field(repr=False)
    until: str = ""


class EncryptionKeys(KeptContract):
    """`keys`: those that API servers have, in their order. `retired`: those of older backups."""

    keys: tuple[EncryptionKey, ...]
    retired: tuple[EncryptionKey, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "EncryptionKeys":
        """Reads the secret of the vault.

        Raises:
            ValueError: it is of neither form. The text is not quoted.
        """
        if not text.lstrip().startswith("{"):
            return cls(keys=(EncryptionKey(name=FIRST, secret=text),))
        try:
            found = cls.model_validate(json.loads(text))
        except ValueError:
            raise ValueError("not a list of encryption keys") from None
        if not found.keys:
            raise ValueError("the list of encryption keys has none")
        return found

    def render(self) -> str:
        """Returns the content of the vault's secret."""
        if not self.retired and [key.name for key in self.keys] == [FIRST]:
            return self.keys[0].secret
        return json.dumps(self.model_dump(exclude_defaults=True))

    @property
    def configuration(self) -> str:
        """Returns the EncryptionConfiguration, the file of each API server."""
        pairs = (f'{{name: {key.name}, secret: "{key.secret}"}}' for key in self.keys)
        return CONFIGURATION.format(keys=", ".join(pairs))

    @property
    def first(self) -> str:
        """Returns the name of the key that is encrypted with."""
        return self.keys[0].name

    def has(self, name: str) -> bool:
        return any(key.name == name for key in self.keys)

    def with_second(self, new: EncryptionKey) -> "EncryptionKeys":
        """Returns the keys with a new one that API servers can read with, and do not use yet."""
        if self.has(new.name):
            return self
        return self.model_copy(update={"keys": (self.keys[0], new, *self.keys[1:])})

    def with_first(self, name: str) -> "EncryptionKeys":
        """Returns the keys with the named one first."""
        keys = sorted(self.keys, key=lambda key: key.name != name)
        return self.model_copy(update={"keys": tuple(keys)})

    def only(self, name: str, now: str) -> "EncryptionKeys":
        """Returns the named key alone; the others are retired."""
        others = tuple(
            key.model_copy(update={"until": now}) for key in self.keys if key.name != name
        )
        kept = tuple(key for key in self.keys if key.name == name)
        return self.model_copy(update={"keys": kept, "retired": (*self.retired, *others)})

    def without_older_than(self, oldest_backup: str) -> "EncryptionKeys":
        """Returns the keys without retired ones that no backup needs. `oldest_backup`: when the
        oldest one was taken; "": there is none, or it is not known when."""
        if not oldest_backup:
            return self
        kept = tuple(key for key in self.retired if key.until >= oldest_backup)
        return self.model_copy(update={"retired": kept})

    def for_backup(self, taken_at: str) -> "EncryptionKeys":
        """Returns the keys with those retired ones that a backup of that time may need; all of
        them, if the time is not known."""
        needed = tuple(key for key in self.retired if key.until >= taken_at)
        if not needed:
            return self
        back = tuple(key.model_copy(update={"until": ""}) for key in needed)
        left = tuple(key for key in self.retired if key not in needed)
        return self.model_copy(update={"keys": (*self.keys, *back), "retired": left})
