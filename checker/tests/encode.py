"""Writes Avro by the project's schemas: what the planted histories are made with. The checker itself only reads."""

import json

from hoga_checker.rules import PROJECT

_SCHEMAS = {
    path.stem: json.loads(path.read_text()) for path in sorted((PROJECT / "schemas" / "avro").glob("*.avsc"))
}


def content(kind, fields):
    """The bytes behind `origin` of a record whose fields are as the checker decodes them."""
    named = {}
    _learn(_SCHEMAS[kind]["fields"][0]["type"], named)
    types = [field["type"] for field in _SCHEMAS[kind]["fields"][1:]]
    return b"".join(_value(type_, value, named) for type_, value in zip(types, fields, strict=True))


def origin(fields):
    """The bytes of `origin`; None for none."""
    return _value(_SCHEMAS["Claim"]["fields"][0]["type"], fields, {})


def _learn(kind, named):
    if isinstance(kind, list):
        for branch in kind:
            _learn(branch, named)
    elif isinstance(kind, dict):
        if "name" in kind:
            named[kind["name"]] = kind
        _learn(kind.get("items"), named)
        for field in kind.get("fields", []):
            _learn(field["type"], named)


def _long(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _value(kind, value, named):
    kind = named.get(kind, kind) if isinstance(kind, str) else kind
    if isinstance(kind, list):
        return b"\0" if value is None else b"\2" + _value(kind[1], value, named)
    _learn(kind, named)
    name = kind if isinstance(kind, str) else kind["type"]
    match name:
        case "long" | "int":
            return _long(value)
        case "boolean":
            return bytes([value])
        case "string":
            return _long(len(value.encode())) + value.encode()
        case "bytes":
            raw = value if isinstance(value, bytes) else value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)
            return _long(len(raw)) + raw
        case "enum":
            return _long([symbol.replace("_", "-") for symbol in kind["symbols"]].index(value.replace("_", "-")))
        case "fixed":
            return value.to_bytes(kind["size"], "big")
        case "array":
            items = b"".join(_value(kind["items"], item, named) for item in value)
            return (_long(len(value)) + items if value else b"") + b"\0"
        case "record":
            return b"".join(_value(f["type"], v, named) for f, v in zip(kind["fields"], value, strict=True))
    raise ValueError(f"the schemas have no {name}")
