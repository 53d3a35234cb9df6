"""The MongoDB collections of the notifications context: their validators and their indexes.

`_id` is an ObjectId in the business collections and a UUID in inbox, outbox and dead_letters. Ids of other contexts
(customer_id, order_id) are strings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

Document = dict[str, Any]

_NAMESPACE_EXISTS = 48  # MongoDB's error code

_OPTIONAL_TEXT = {"bsonType": ["string", "null"]}
_COUNT = {"bsonType": ["int", "long"], "minimum": 0}
_DATE = {"bsonType": "date"}
_OPTIONAL_DATE = {"bsonType": ["date", "null"]}
_TEXT = {"bsonType": "string", "minLength": 1}
_UUID = {"bsonType": "binData"}


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection must look like: the JSON schema of its documents, and its indexes beside that on `_id`."""

    name: str
    schema: Mapping[str, Any]
    indexes: tuple[IndexModel, ...]

    @property
    def validator(self) -> Document:
        """The schema in the form that MongoDB takes and gives back."""
        return {"$jsonSchema": dict(self.schema)}


def _object(required: tuple[str, ...], **properties: Mapping[str, Any]) -> Document:
    """A JSON schema of a document; fields that are not named are free."""
    schema = {"bsonType": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


TEMPLATES = Collection(
    "templates",
    _object(
        ("name", "channel", "body", "variables", "active", "version", "created_at"),
        name=_TEXT,
        channel=_TEXT,
        subject=_OPTIONAL_TEXT,
        body=_TEXT,
        variables={"bsonType": "array", "items": {"bsonType": "string"}},
        active={"bsonType": "bool"},
        version={"bsonType": ["int", "long"], "minimum": 1},
        created_at=_DATE,
        updated_at=_OPTIONAL_DATE,
    ),
    (
        IndexModel([("name", ASCENDING), ("channel", ASCENDING), ("version", ASCENDING)], name="idx_name", unique=True),
        IndexModel(
            [("name", ASCENDING), ("channel", ASCENDING), ("version", DESCENDING)],
            name="idx_active",
            partialFilterExpression={"active": True},
        ),
    ),
)

NOTIFICATIONS = Collection(
    "notifications",
    _object(
        ("key", "recipient", "status", "attempts", "created_at"),
        key=_TEXT,  # event:recipient:channel, so that one event tells one recipient once
        message_id=_OPTIONAL_TEXT,  # the SMTP Message-ID, fixed before the first attempt
        recipient=_object(("type", "address"), type=_TEXT, address=_TEXT, customer_id=_OPTIONAL_TEXT),
        template_id={"bsonType": ["objectId", "null"]},
        context={"bsonType": "object"},
        status=_TEXT,
        attempts=_COUNT,
        last_error=_OPTIONAL_TEXT,
        sent_at=_OPTIONAL_DATE,
        created_at=_DATE,
        updated_at=_OPTIONAL_DATE,
        metadata=_object((), order_id=_OPTIONAL_TEXT, event_type=_OPTIONAL_TEXT),
    ),
    (
        IndexModel("key", name="idx_key", unique=True),
        IndexModel("metadata.order_id", name="idx_order_id"),
        IndexModel([("status", ASCENDING), ("created_at", ASCENDING)], name="idx_status_created_at"),
    ),
)

_CHANNEL = {"enabled": {"bsonType": "bool"}, "verified": {"bsonType": "bool"}}

PREFERENCES = Collection(
    "preferences",
    _object(
        ("customer_id", "channels", "subscriptions", "updated_at"),
        customer_id=_TEXT,
        channels=_object(
            (),
            email=_object(("enabled",), **_CHANNEL, address=_OPTIONAL_TEXT),
            sms=_object(("enabled",), **_CHANNEL, number=_OPTIONAL_TEXT),
        ),
        subscriptions={"bsonType": "object", "additionalProperties": {"bsonType": "bool"}},
        timezone=_TEXT,
        language=_TEXT,
        updated_at=_DATE,
    ),
    (IndexModel("customer_id", name="idx_customer_id", unique=True),),
)

INBOX = Collection(
    "inbox",
    _object(("_id", "received_at"), _id=_UUID, received_at=_DATE),
    (IndexModel("received_at", name="idx_received_at"),),
)

OUTBOX = Collection(
    "outbox",
    _object(
        ("_id", "queue", "actor", "payload", "message_count", "attempt", "created_at", "available_at"),
        _id=_UUID,
        queue=_TEXT,
        actor=_TEXT,
        payload={"bsonType": "binData"},
        message_count={"bsonType": ["int", "long"], "minimum": 1},
        attempt=_COUNT,
        last_error=_OPTIONAL_TEXT,
        created_at=_DATE,
        available_at=_DATE,
    ),
    (IndexModel("available_at", name="idx_available_at"),),
)

DEAD_LETTERS = Collection(
    "dead_letters",
    _object(
        ("_id", "payload", "attempts", "error", "traceback", "status", "died_at"),
        _id=_UUID,
        queue=_OPTIONAL_TEXT,
        actor=_OPTIONAL_TEXT,
        message_type=_OPTIONAL_TEXT,
        correlation_id={"bsonType": ["binData", "null"]},
        attempts=_COUNT,
        error={"bsonType": "string"},
        traceback={"bsonType": "string"},
        status={"enum": ["DEAD", "RETRIED", "DISCARDED"]},
        died_at=_DATE,
        resolved_at=_OPTIONAL_DATE,
        resolved_by=_OPTIONAL_TEXT,
        note=_OPTIONAL_TEXT,
    ),
    (
        IndexModel([("status", ASCENDING), ("died_at", ASCENDING)], name="idx_status_died_at"),
        IndexModel("correlation_id", name="idx_correlation_id"),
    ),
)

COLLECTIONS = (TEMPLATES, NOTIFICATIONS, PREFERENCES, INBOX, OUTBOX, DEAD_LETTERS)
"""All collections of the notifications database."""


def ensure_collections(database: Database[Document]) -> None:
    """Create what is missing and set validators that differ; documents stay. May run in several processes at once."""
    validators = _validators(database)
    for collection in COLLECTIONS:
        if collection.name not in validators:
            _create(database, collection)
        elif validators[collection.name] != collection.validator:
            database.command("collMod", collection.name, validator=collection.validator)
        database[collection.name].create_indexes(list(collection.indexes))


def collection_differences(database: Database[Document]) -> list[str]:
    """Where the collections are not as declared, as sentences; empty if they are."""
    validators = _validators(database)
    found: list[str] = []
    for collection in COLLECTIONS:
        if collection.name not in validators:
            found.append(f"only in the models: collection {collection.name}")
            continue
        if validators[collection.name] != collection.validator:
            found.append(f"another validator in the database: collection {collection.name}")
        found += _index_differences(database, collection)
    return found


def _validators(database: Database[Document]) -> dict[str, Document]:
    """The validators that are in force, by collection."""
    return {found["name"]: found.get("options", {}).get("validator", {}) for found in database.list_collections()}


def _create(database: Database[Document], collection: Collection) -> None:
    """Create a collection; if another process was faster, its validator is set instead."""
    try:
        database.create_collection(collection.name, validator=collection.validator, check_exists=False)
    except OperationFailure as failure:
        if failure.code != _NAMESPACE_EXISTS:
            raise
        database.command("collMod", collection.name, validator=collection.validator)


def _index_differences(database: Database[Document], collection: Collection) -> list[str]:
    """Differences of one collection's indexes."""
    actual = {_index_line(index) for index in database[collection.name].list_indexes()}
    declared = {_index_line(index.document) for index in collection.indexes}
    actual.discard(_index_line({"name": "_id_", "key": {"_id": 1}}))
    return [f"only in the database: index {collection.name}.{line}" for line in sorted(actual - declared)] + [
        f"only in the models: index {collection.name}.{line}" for line in sorted(declared - actual)
    ]


def _index_line(index: Mapping[str, Any]) -> str:
    """What matters about an index, in one line."""
    unique = " unique" if index.get("unique") else ""
    where = dict(index.get("partialFilterExpression") or {})
    return f"{index['name']} on {dict(index['key'])}{unique}{f' where {where}' if where else ''}"
