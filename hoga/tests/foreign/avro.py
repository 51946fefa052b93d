"""Records by the schemas of a registry: the id in front of a value says which.

Reads the registry over HTTP, each schema once. Knows nothing of hoga but the framing in docs/topics.md.
"""

import io
import json
import urllib.request

import fastavro


class Registry:
    """The schemas of a registry."""

    def __init__(self, url):
        self.url = url
        self.texts, self.parsed = {}, {}

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.load(answer)

    def text(self, schema_id):
        """A schema as the registry gives it, read as JSON."""
        if schema_id not in self.texts:
            self.texts[schema_id] = json.loads(self.get(f"/schemas/ids/{schema_id}")["schema"])
        return self.texts[schema_id]

    def schema(self, schema_id):
        if schema_id not in self.parsed:
            self.parsed[schema_id] = fastavro.parse_schema(self.text(schema_id))
        return self.parsed[schema_id]

    def latest(self, subject):
        """The newest version of a subject: its id."""
        return self.get(f"/subjects/{subject}/versions/latest")["id"]

    def decode(self, value):
        """A value's record. Raises ValueError for whatever is no record."""
        if value is None or value[:1] != b"\0" or len(value) < 5:
            raise ValueError("no framed value")
        schema_id = int.from_bytes(value[1:5], "big")
        schema = self.schema(schema_id)
        body = io.BytesIO(value[5:])
        fields = fastavro.schemaless_reader(body, schema)
        if body.read():
            raise ValueError("bytes behind the record")
        # What follows origin in the body: what a channel's hash is of.
        body.seek(0)
        fastavro.schemaless_reader(body, schema["fields"][0]["type"])
        return Record(schema["name"].removeprefix("hoga."), schema_id, fields, body.read())

    def encode(self, subject, fields):
        """A value of the newest version of a subject."""
        schema_id = self.latest(subject)
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self.schema(schema_id), fields)
        return b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()


class Record:
    """A decoded record: its kind, its fields with `origin`, and the bytes of its content behind `origin`."""

    def __init__(self, kind, schema_id, fields, content):
        self.kind, self.schema_id, self.fields, self.content = kind, schema_id, fields, content
        self.origin = fields["origin"]
