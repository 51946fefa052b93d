"""Decodes values with fastavro and compares them with what hoga-schemas shows for the same bytes.

Standard input is a JSON array of {"kind", "schema", "value_hex", "shown"}: the record's name, the text of its
.avsc, the whole value with its Confluent framing, and hoga's JSON of it with `origin` as first field.
Prints what differs and exits with 1, or prints how many values are equal and exits with 0.
"""

import io
import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import fastavro

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain_decimal(value):
    """A decimal as hoga writes it: no exponent, no trailing zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def as_shown(schema, name, value, named):
    """A value that fastavro decoded, in the form of hoga's JSON."""
    if isinstance(schema, list):
        return None if value is None else as_shown(schema[1], name, value, named)
    if isinstance(schema, dict) and schema["type"] in ("record", "enum", "fixed"):
        named[schema["name"]] = schema
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        for field in schema["fields"]:
            learn(field["type"], named)
        return {f["name"]: as_shown(f["type"], f["name"], value[f["name"]], named) for f in schema["fields"]}
    if kind == "array":
        return [as_shown(schema["items"], name, item, named) for item in value]
    if kind == "enum":
        return value.replace("_", "-") if schema["name"] in ("MachineKind", "Topic") else value
    if kind == "fixed":
        return value.hex()
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        return text if text.isprintable() else "0x" + value.hex()
    if kind == "long" and name.endswith(("order_id", "trade_id")):
        return f"{value >> 48}-{value & ((1 << 48) - 1)}"
    return value


def learn(schema, named):
    """Notes the named types of a schema, also of those branches that this value does not take."""
    if isinstance(schema, list):
        for branch in schema:
            learn(branch, named)
    elif isinstance(schema, dict):
        if "name" in schema:
            named[schema["name"]] = schema
        learn(schema.get("items"), named)
        for field in schema.get("fields", []):
            learn(field["type"], named)


def main():
    cases = json.load(sys.stdin)
    different = 0
    for case in cases:
        schema = json.loads(case["schema"])
        value = bytes.fromhex(case["value_hex"])
        body = io.BytesIO(value[5:])
        decoded = fastavro.schemaless_reader(body, fastavro.parse_schema(schema))
        shown = as_shown(schema, case["kind"], decoded, {})
        if body.read() or value[0] != 0 or json.dumps(shown) != json.dumps(case["shown"]):
            different += 1
            print(f"{case['kind']}: fastavro {json.dumps(shown)}, hoga {json.dumps(case['shown'])}")
    if different or not cases:
        sys.exit(f"{different} of {len(cases)} values differ")
    print(f"{len(cases)} values equal")


if __name__ == "__main__":
    main()
