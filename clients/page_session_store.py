"""Stores the sessions of the page: who has shown a function key lately
(docs/decisions/0056-page-sessions.md)."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel

from clients.errors import Refused
from clients.record_store import RecordStore, to_json
from clients.stored_documents import read_document
from clients.time_limit import left
from cluster import names

# How long a session holds. A reader enters the key once in a working day.
LIFE = timedelta(hours=8)
SECRET_BYTES = 32
# What `secrets.token_urlsafe` makes of so many bytes. Other texts are not looked up.
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
# Seconds that one deletion may take.
ROOM = 25.0


class StoredSession(BaseModel):
    """A session. The name of its blob is the hash of its secret, which is in no other place."""

    ends_at: AwareDatetime


class PageSessionStore(RecordStore):
    """The sessions: a blob for each, named by a hash, so that storage holds nothing to sign in
    with."""

    def begin_page_session(self, now: datetime) -> str:
        """Stores a session and returns its secret."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        data = to_json(StoredSession(ends_at=now + LIFE))
        self.blobs.write(_blob(secret), data, if_none_match=True)
        return secret

    def has_page_session(self, secret: str, now: datetime) -> bool:
        """Returns whether a session with that secret exists and has not ended."""
        if not SECRET.fullmatch(secret):
            return False
        name = _blob(secret)
        found = self.blobs.read(name)
        if found is None:
            return False
        try:
            return now < read_document(StoredSession, found[0], name).ends_at
        except Refused:
            return False

    def end_page_session(self, secret: str) -> None:
        """Ends a session. One that does not exist is a success."""
        if SECRET.fullmatch(secret):
            self.blobs.delete(_blob(secret))

    def delete_ended_page_sessions(self, now: datetime) -> int:
        """Deletes what is left of sessions that have ended; returns how many. Stops where the time
        limit is near."""
        deleted = 0
        for blob in self.blobs.listed(names.PAGE_SESSIONS):
            if left() < ROOM:
                break
            if blob.modified < now - LIFE:
                self.blobs.delete(blob.name)
                deleted += 1
        return deleted


def _blob(secret: str) -> str:
    return names.page_session_blob(hashlib.sha256(secret.encode()).hexdigest())
